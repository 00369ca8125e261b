//! Asking for a page until it is there, as cheaply as can be: a plain socket, so that asking costs the mesh little.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(2);

/// Waits until `GET path` at `socket` is answered with 200.
///
/// # Errors
/// What the last attempt saw when `limit` has passed.
pub(crate) fn until_200(socket: SocketAddr, path: &str, limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    loop {
        let seen = match status(socket, path) {
            Ok(status) if status.contains(" 200 ") => return Ok(()),
            Ok(status) => status,
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            return Err(format!("no 200 from {socket}{path} within {limit:?}; last: {seen}"));
        }
        thread::sleep(PAUSE);
    }
}

fn status(socket: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {socket}\r\nConnection: close\r\n\r\n"
    )?;
    let mut start = [0; 64];
    let read = stream.read(&mut start)?;
    Ok(String::from_utf8_lossy(&start[..read])
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned())
}

/// A connection that is kept, on which one page is asked for again and again.
#[derive(Debug)]
pub(crate) struct Kept {
    stream: BufReader<TcpStream>,
    request: String,
}

impl Kept {
    pub(crate) fn connect(socket: SocketAddr, path: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            request: format!("GET {path} HTTP/1.1\r\nHost: {socket}\r\n\r\n"),
        })
    }

    /// The body of the answer, whatever its status.
    pub(crate) fn ask(&mut self) -> io::Result<String> {
        self.stream.get_mut().write_all(self.request.as_bytes())?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let line = line.trim_end();
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}
