//! A Docker daemon of which only some answers exist, for what a real one cannot be made to say.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    thread,
};

/// Listens on a socket, and says of every image that is to be built that it cannot be, and why.
pub(crate) struct Daemon {
    socket: PathBuf,
}

impl Daemon {
    pub(crate) fn start(folder: &Path, trouble: &'static str) -> Self {
        let socket = folder.join("docker.sock");
        let listener = UnixListener::bind(&socket).expect("the folder is the test's own");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(stream, trouble));
            }
        });
        Self { socket }
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

fn answer(stream: UnixStream, trouble: &str) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).ok()? == 0 {
            return None;
        }
        let (mut length, mut chunked) = (0, false);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(number) = header.strip_prefix("content-length:") {
                length = number.trim().parse().ok()?;
            }
            chunked |= header == "transfer-encoding: chunked";
        }
        let (status, body) = if request.contains("/build") {
            (
                200,
                format!("{{\"errorDetail\":{{\"message\":\"{trouble}\"}},\"error\":\"{trouble}\"}}\n"),
            )
        } else if request.contains("/images/") {
            (404, "{\"message\":\"no such image\"}".to_owned())
        } else if request.contains("/info") {
            (200, "{}".to_owned())
        } else if request.contains("/version") {
            (200, "{\"ApiVersion\":\"1.41\",\"Version\":\"20.10\"}".to_owned())
        } else {
            (200, "[]".to_owned())
        };
        if chunked {
            read_chunks(&mut reader)?;
        } else {
            let mut whole = vec![0; length];
            reader.read_exact(&mut whole).ok()?;
        }
        let mut stream = &stream;
        write!(
            stream,
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
    }
}

/// Reads a body to its end: whoever closes a connection with a part unread may take the answer away with it.
fn read_chunks(reader: &mut impl BufRead) -> Option<()> {
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        // The chunk and the end of its line.
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(());
        }
    }
}
