//! gRPC, WebSockets, TCP and requests byte by byte, on a real Envoy: the examples of the reference, and what fails.

use std::{fs, path::Path};

use crate::lab::Lab;

/// The verbs that have a section with one example each.
const VERBS: [&str; 4] = ["grpc", "websocket", "tcp", "raw"];

/// The example of a verb in the reference.
fn example(reference: &str, verb: &str) -> String {
    let section = reference
        .split(&format!("\n## `{verb}`\n"))
        .nth(1)
        .expect("it has a section");
    let block = section.split("```yaml\n").nth(1).expect("it has an example");
    block.split("```").next().expect("it ends").to_owned()
}

#[test]
fn the_examples_of_the_reference_hold() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/scenario.md");
    let reference = fs::read_to_string(reference).expect("there is a reference");
    let lab = Lab::new();
    lab.remove_scenarios();
    for verb in VERBS {
        lab.write(&format!("scenarios/{verb}.yaml"), &example(&reference, verb));
    }
    lab.run(&["--jobs", "2"]).exits(0).says(&["4 cases: 4 passed"]);
}

/// A step that fails, and what is told of it.
struct Wrong {
    mesh: &'static str,
    step: &'static str,
    message: &'static str,
    expected: &'static str,
    /// What is in it at least.
    actual: &'static str,
}

const WRONG: [Wrong; 14] = [
    Wrong {
        mesh: "{use: edge, overlays: [h2-to-echo, h2-to-application]}",
        step: "{grpc: meshkat.echo.v1.Echo/Unary, host: foo.com, status: NOT_FOUND}",
        message: "wrong status",
        expected: "status NOT_FOUND",
        actual: "OK, served by echo-",
    },
    Wrong {
        mesh: "{use: edge, overlays: [h2-to-echo, h2-to-application]}",
        step: "{grpc: meshkat.echo.v1.Echo/ServerStream, host: foo.com, message: {count: 2}, replies: [{number: 1}, {number: 7}]}",
        message: "a reply lacks a part",
        expected: "reply 2 with {\"number\":7}",
        actual: "`number` is 2; seen: OK",
    },
    Wrong {
        mesh: "{use: edge, overlays: [h2-to-echo, h2-to-application]}",
        step: "{grpc: meshkat.echo.v1.Echo/ServerStream, host: foo.com, message: {count: 2}, reply: {number: 1}}",
        message: "wrong number of replies",
        expected: "one reply",
        actual: "2 replies: OK",
    },
    Wrong {
        mesh: "{use: edge, overlays: [h2-to-echo, h2-to-application]}",
        step: "{grpc: meshkat.echo.v1.Echo/Unary, host: foo.com, message: {mesage: a}, status: OK}",
        message: "this is no meshkat.echo.v1.EchoRequest",
        expected: "a meshkat.echo.v1.EchoRequest",
        actual: "fields are named as in the `.proto` file",
    },
    Wrong {
        mesh: "{use: edge, overlays: [h2-to-echo, h2-to-application]}",
        step: "{grpc: meshkat.echo.v1.Echo/Unray, host: foo.com, status: OK}",
        message: "the service `meshkat.echo.v1.Echo` has no method `Unray`",
        expected: "a method `meshkat.echo.v1.Echo/Unray`",
        actual: "did you mean `Unary`?",
    },
    // Where the edge asks in HTTP/1.1, nobody answers as gRPC does.
    Wrong {
        mesh: "edge",
        step: "{grpc: meshkat.echo.v1.Echo/Unary, host: foo.com, reflection: echo-1, status: OK}",
        message: "wrong status",
        expected: "status OK",
        actual: "served by echo-",
    },
    Wrong {
        mesh: "edge",
        step: "{grpc: meshkat.echo.v1.Echo/Unary, host: bar.com, status: OK}",
        message: "nobody tells what the service `meshkat.echo.v1.Echo` is",
        expected: "an answer by reflection",
        actual: "`reflection: POD` asks an application past every Envoy",
    },
    Wrong {
        mesh: "edge",
        step: "{websocket: /chat, host: foo.com, send: hello, receive: hello}",
        message: "2 expectations do not hold",
        expected: "status 101",
        actual: "no WebSocket: 403",
    },
    Wrong {
        mesh: "{use: edge, overlays: websockets}",
        step: "{websocket: '/chat?close=4001&after=1', host: foo.com, send: hello, receive: [hello, more], close: 1000}",
        message: "2 expectations do not hold",
        expected: "message 2: \"more\"",
        actual: "closed with 4001",
    },
    Wrong {
        mesh: "{use: edge, overlays: websockets}",
        step: "{websocket: /chat, host: foo.com, send: [a, b, {close: 1000}], receive: a}",
        message: "more came than had to come",
        expected: "one message",
        actual: "also \"b\"; seen: \"a\", \"b\"; closed with 1000",
    },
    Wrong {
        mesh: "tcp",
        step: "{tcp: 'edge:10001', send: hello, half-close: true, receive: hullo, ends: reset}",
        message: "2 expectations do not hold",
        expected: "\"hullo\"",
        actual: "5 bytes: \"hello\"; the peer closed",
    },
    Wrong {
        mesh: "tcp",
        step: "{tcp: 'edge:10001', send: \"RESET\\n\", timeout: 1s, ends: open}",
        message: "the connection did not end so",
        expected: "the connection stays open",
        actual: "nothing; the peer reset the connection",
    },
    Wrong {
        mesh: "edge",
        step: "{raw: \"GET /hello HTTP/1.1\\nhost: foo.com\\n\\nNONSENSE\\n\\n\", statuses: [200, 200]}",
        message: "the answers have other statuses",
        expected: "the statuses 200, 200",
        actual: "200, then 400",
    },
    Wrong {
        mesh: "edge",
        step: "{raw: \"GET /hello HTTP/1.1\\nhost: foo.com\\n\\n\", timeout: 1s, status: 200, ends: closed}",
        message: "the connection did not end so",
        expected: "the peer closes",
        actual: "the connection is open",
    },
];

#[test]
fn what_does_not_hold_is_told_with_what_was_seen() {
    let lab = Lab::new();
    lab.remove_scenarios();
    for (number, wrong) in WRONG.iter().enumerate() {
        let (mesh, step) = (wrong.mesh, wrong.step);
        let text = format!("promise: It holds.\nmesh: {mesh}\nsteps:\n  - {step}\n");
        lab.write(&format!("scenarios/wrong-{number}.yaml"), &text);
    }
    lab.run(&["--jobs", "2"]).exits(1);
    for (number, wrong) in WRONG.iter().enumerate() {
        let failure = lab.failure(&format!("wrong-{number}"));
        assert!(
            failure.message.contains(wrong.message)
                && failure.expected.contains(wrong.expected)
                && failure.actual.contains(wrong.actual)
                && failure.line == 4,
            "{}: {failure:?}",
            wrong.step
        );
    }
}
