//! Reading an answer that may be of any length.

use reqwest::Response;

/// Why an answer was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It broke off, or did not come in time.
    #[error(transparent)]
    Lost(#[from] reqwest::Error),
    /// It is longer than so many bytes.
    #[error("the answer is longer than {0} bytes, of which no more is read")]
    TooLong(usize),
}

/// Reads a body of at most `most` bytes, within the timeout of its request.
///
/// # Errors
/// See [`ReadError`].
pub async fn read_all(mut response: Response, most: usize) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Err(ReadError::TooLong(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
