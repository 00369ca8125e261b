//! The table of what each runtime can do, in the documents, is what the runtimes themselves say.

use std::fmt::Write as _;
use std::path::Path;

use meshkat_runtime::Capability;
use meshkat_runtime_docker as docker;
use meshkat_runtime_process as process;

const BEGIN: &str = "<!-- parity: ";
const END: &str = "<!-- end of parity -->";

fn table() -> String {
    let mut table = "| | `process` | `docker` |\n|---|---|---|\n".to_owned();
    for capability in Capability::ALL {
        let of_process = match process::capabilities().reason(capability) {
            None => "yes".to_owned(),
            Some(reason) => format!("no: {reason}"),
        };
        let of_docker = match (docker::missing(capability), docker::condition(capability)) {
            (Some(reason), _) => format!("no: {reason}"),
            (None, Some(condition)) => format!("where {condition}"),
            (None, None) => "yes".to_owned(),
        };
        writeln!(table, "| {capability} | {of_process} | {of_docker} |").expect("a text can be written to");
    }
    table
}

#[test]
fn the_documents_have_what_the_runtimes_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/runtimes.md");
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let (head, rest) = text.split_once(BEGIN).expect("the table begins");
    let (line, rest) = rest.split_once('\n').expect("a line has an end");
    let (written, tail) = rest.split_once(END).expect("the table ends");
    let table = table();
    if written == table {
        return;
    }
    assert!(
        std::env::var_os("MESHKAT_UPDATE_DOCS").is_some(),
        "docs/reference/runtimes.md has\n{written}\nand the runtimes say\n{table}\nMESHKAT_UPDATE_DOCS=1 writes it again"
    );
    std::fs::write(&path, format!("{head}{BEGIN}{line}\n{table}{END}{tail}")).expect("the document is ours");
}
