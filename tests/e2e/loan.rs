//! Loans to programs of this machine: real kubectl, a client of a stranger, and a terminal, each as planned and no further.

use std::fs;

use scanner_tests::{TestNamespace, audit_log::reconcile, program::text};

/// A client with nothing but Python's own library.
pub(crate) const CLIENT: &str = include_str!("loan/client.py");

#[tokio::test]
async fn kubectl_execs_as_planned_and_does_nothing_else() {
    let site = TestNamespace::new("loan").await;
    site.pod("other").await;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let logged = ["--exec", "true", "--audit-log", text(&log)];
    let one = ["--exec", "echo looked"];
    let seven = ["--exec-json", r#"["sh", "-c", "exit 7"]"#];
    let twice =
        "kubectl exec web -- true && ! kubectl exec web -- true && ! kubectl exec other -- true";
    let (ran, code, other, command, secrets, whole, logged) = tokio::join!(
        site.loan(&one, &["kubectl", "exec", "web", "--", "echo", "looked"]),
        site.loan(
            &seven,
            &["kubectl", "exec", "web", "--", "sh", "-c", "exit 7"]
        ),
        site.loan(&one, &["kubectl", "exec", "other", "--", "echo", "looked"]),
        site.loan(&one, &["kubectl", "exec", "web", "--", "echo", "looked "]),
        site.loan(&one, &["kubectl", "get", "--raw", "/api/v1/secrets"]),
        site.loan(
            &["--exec", "true", "--allow-get-pod"],
            &[
                "kubectl",
                "get",
                "pod",
                "web",
                "-o",
                "jsonpath={.spec.nodeName}"
            ]
        ),
        site.loan(&logged, &["sh", "-c", twice]),
    );
    assert_eq!((ran.code, ran.out.trim()), (0, "looked"), "{ran:?}");
    assert_eq!(code.code, 7, "the program's own code: {code:?}");
    for (name, output) in [("pod", other), ("command", command), ("secrets", secrets)] {
        assert_eq!(output.code, 1, "{name}: {output:?}");
        assert!(
            output.err.contains("secure-scan: this "),
            "{name}: {output:?}"
        );
    }
    assert!(whole.code == 0 && !whole.out.is_empty(), "{whole:?}");
    assert_eq!(logged.code, 0, "{logged:?}");
    assert!(logged.err.contains("as often as planned"), "{logged:?}");
    assert_eq!(site.leftovers().await, Vec::<String>::new());
    let written = fs::read_to_string(&log).unwrap();
    for words in [
        "\"command\":[\"true\"],\"allowed\":true",
        "\"command\":[\"true\"],\"allowed\":false",
        "/pods/other\",\"allowed\":false",
        "\"event\":\"tunnel\"",
    ] {
        assert!(written.contains(words), "{words}: {written}");
    }
    if let Some(agreed) = reconcile(&log).await {
        assert_eq!(agreed.code, 0, "{agreed:?}");
    }
    site.remove().await;
}

#[tokio::test]
async fn what_kubectl_pipes_arrives_whole_and_a_copy_must_be_planned() {
    let site = TestNamespace::new("pipes").await;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(1 << 20).collect();
    fs::write(at("in"), &bytes).unwrap();
    // The end of the input must arrive, or cat never ends; and SPDY, which older versions speak.
    let pipe = |name: &str, websocket: bool| {
        format!(
            "KUBECTL_REMOTE_COMMAND_WEBSOCKETS={websocket} kubectl exec -i web -- cat <{} >{}",
            at("in").display(),
            at(name).display()
        )
    };
    let (websocket, spdy) = (pipe("websocket", true), pipe("spdy", false));
    let copied = at("copied");
    let copy = ["kubectl", "cp", "web:/etc/passwd", text(&copied)];
    let cat = ["--exec", "cat"];
    let (websocket, spdy, refused) = tokio::join!(
        site.loan(&cat, &["sh", "-c", &websocket]),
        site.loan(&cat, &["sh", "-c", &spdy]),
        site.loan(&["--exec", "id"], &copy),
    );
    assert_eq!(
        (websocket.code, spdy.code),
        (0, 0),
        "{websocket:?} {spdy:?}"
    );
    assert!(fs::read(at("websocket")).unwrap() == bytes);
    assert!(fs::read(at("spdy")).unwrap() == bytes);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("not planned"), "{refused:?}");
    assert!(!copied.exists());
    let planned = site.loan(&["--exec", "tar cf - /etc/passwd"], &copy).await;
    assert_eq!(planned.code, 0, "{planned:?}");
    assert!(fs::read_to_string(&copied).unwrap().contains("root:"));
    site.remove().await;
}

#[tokio::test]
async fn several_commands_in_a_terminal_of_this_machine_need_none_in_the_container() {
    let site = TestNamespace::new("terminal").await;
    // As the transport of a tool does it: one kubectl for each command, in a terminal of its own machine.
    let several = "kubectl exec web -- sh -c 'echo one' && kubectl exec web -- cat /etc/hostname";
    let wants = "kubectl exec -it web -- sh -c 'test -t 1 && echo yes-$((1+1))'";
    let wants = ["script", "-qec", wants, "/dev/null"];
    let one = [
        "--exec-json",
        r#"["sh", "-c", "echo one"]"#,
        "--exec",
        "cat /etc/hostname",
    ];
    let (several, refused, given) = tokio::join!(
        site.loan(&one, &["script", "-qec", several, "/dev/null"]),
        site.loan(&["--allow-any-command=2"], &wants),
        site.loan(&["--allow-any-command", "--allow-tty"], &wants),
    );
    assert_eq!(several.code, 0, "{several:?}");
    assert_eq!(
        several.out.replace("\r\n", " ").trim(),
        "one web",
        "{several:?}"
    );
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.out.contains("no terminal"), "{refused:?}");
    assert!(given.out.contains("yes-2"), "{given:?}");
    site.remove().await;
}

#[tokio::test]
async fn a_stranger_s_client_gets_what_is_planned_and_no_token() {
    let site = TestNamespace::new("stranger").await;
    let ran = site
        .loan(
            &["--exec", "echo looked"],
            &["python3", "-c", CLIENT, "tries", "web"],
        )
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.out.lines().collect::<Vec<_>>(),
        [
            "pod 200 False",
            "exec 101 looked ['Success'] closed True",
            "again 403",
            "other command 403",
            "terminal 403",
            "other pod 403",
            "GET pods 403",
            "GET secrets 403",
            "DELETE web 403",
            "without certificate refused",
            "kubeconfig sealed",
        ],
        "{ran:?}"
    );
    let shown = site
        .loan(
            &["--exec", "id"],
            &["sh", "-c", "cat $KUBECONFIG; env; cat /proc/$PPID/cmdline"],
        )
        .await;
    assert!(shown.out.contains("client-key-data"), "{shown:?}");
    assert!(!shown.out.contains("eyJ"), "a token: {shown:?}");
    site.remove().await;
}
