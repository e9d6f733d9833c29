// Reads a file with the library of its standard, and fails with what is wrong.
// Usage: node check.mjs cyclonedx|ohdf|junit FILE
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [kind, file] = process.argv.slice(2);
const text = readFileSync(file, "utf8");
const fail = (why) => { console.error(why); process.exit(1); };

if (kind === "cyclonedx") {
  const { Spec, Validation } = createRequire(import.meta.url)("@cyclonedx/cyclonedx-library");
  const wrong = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
  if (wrong !== null) fail(JSON.stringify(wrong, null, 1));
} else if (kind === "ohdf") {
  const { convertFile } = createRequire(import.meta.url)("inspecjs");
  const results = convertFile(text, true);
  if (!results["1_0_ExecJson"]) fail("not taken for an exec JSON: " + Object.keys(results));
} else if (kind === "junit") {
  const { parse } = await import("junit2json");
  const { tests, failures, errors, testsuite } = await parse(text);
  const cases = testsuite.flatMap((suite) => suite.testcase ?? []);
  const counted = (what) => cases.filter((c) => c[what]).length;
  if (cases.length !== tests || counted("failure") !== failures || counted("error") !== errors) {
    fail(`counts differ: ${JSON.stringify({ tests, failures, errors })}`);
  }
} else {
  fail("unknown kind");
}
