//! The ways in which a secret may be written down. Escapes and blanks are taken off the text instead: see [`super::view`].

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::view::View;

/// The secret itself, each of its lines, and what encodings make of it.
pub(super) fn of(secret: &str) -> Vec<Vec<u8>> {
    let joined = |text: &str| View::joined(text.as_bytes()).bytes().to_vec();
    let mut all = vec![joined(secret)];
    // A CI masks line by line, and so may a log have it.
    if secret.trim().contains('\n') {
        let lines = secret.lines().map(str::trim);
        let telling = lines.filter(|line| line.len() >= 16 && !line.starts_with("-----"));
        all.extend(telling.map(joined));
    }
    let ends = [secret, secret.trim()];
    for text in &ends[usize::from(ends[0] == ends[1])..] {
        all.extend(base64(text.as_bytes()));
        all.push(hex(text.as_bytes(), |byte| format!("{byte:02x}")));
        all.push(hex(text.as_bytes(), |byte| format!("{byte:02X}")));
    }
    if secret.contains(' ') {
        // As forms are sent.
        all.push(secret.trim().replace(' ', "+").into_bytes());
    }
    all
}

/// Base64 of whatever has the secret in it: wherever it begins there, what does not depend on its neighbours.
fn base64(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret);
        let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            all.push(engine.encode(&bytes).as_bytes()[from..to].to_vec());
        }
    }
    all
}

fn hex(secret: &[u8], digits: impl Fn(&u8) -> String) -> Vec<u8> {
    secret.iter().map(digits).collect::<String>().into_bytes()
}
