//! Why text is no resource.

use meshkat_kit::JsonError;

/// Why text is no resource.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidResource {
    /// It is no JSON object.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// A field is invalid.
    #[error("{field}: {message}")]
    Field {
        /// The path of the field, as in `endpoints[0].priority`.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// The descriptors are invalid.
    #[error("the descriptors of Envoy's API cannot be read: {0}")]
    Descriptors(String),
}

impl InvalidResource {
    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Field {
            field: field.into(),
            message: message.into(),
        }
    }

    /// The same without what was found in the place of something else.
    pub(super) fn without_values(self) -> Self {
        match self {
            Self::Field { field, message } => {
                let found = ["invalid type: ", "invalid value: "]
                    .iter()
                    .any(|start| message.starts_with(start));
                let message = match message.rsplit_once(", expected ") {
                    Some((_, expected)) if found => format!("expected {expected}"),
                    _ => message,
                };
                Self::Field { field, message }
            }
            other => other,
        }
    }
}
