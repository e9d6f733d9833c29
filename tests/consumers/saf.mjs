// Runs `saf generate threshold` and `saf validate threshold`, many in one process.
// Usage: node saf.mjs LIST, a file with [{generate: [ARG...]} or {validate: [ARG...]}, ...]; prints a
// JSON list: whether each was met, or null where the command itself broke.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const root = require.resolve("@mitre/saf/package.json");
const command = (name) => require(`@mitre/saf/lib/commands/${name}/threshold.js`).default;
const said = [];
console.log = console.error = () => {};
for (const { generate, validate } of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  process.exitCode = 0;
  try {
    await (generate ? command("generate").run(generate, root) : command("validate").run(validate, root));
    said.push(process.exitCode === 0);
  } catch (error) {
    said.push(null);
  }
}
process.exitCode = 0;
process.stdout.write(JSON.stringify(said));
