//! A whole configuration of an Envoy.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::{ConfigError, document::LARGEST};

/// A complete Envoy configuration (its `Bootstrap` message) and the file that it came from.
///
/// The document is kept as it was written: what is not understood here is passed on to Envoy untouched.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    file: PathBuf,
    document: Value,
}

impl Bootstrap {
    /// Reads a YAML or JSON file.
    ///
    /// # Errors
    /// Where the file cannot be read, or is not one document that is a mapping.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let text = meshkat_files::read_to_string(file, LARGEST).map_err(|source| ConfigError::Read {
            file: file.to_owned(),
            source,
        })?;
        Self::parse(file, &text)
    }

    /// Takes `text` for the content of `file`, which is only named in errors.
    ///
    /// # Errors
    /// Where the text is not one document that is a mapping.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let document = super::document::read(file, text)?;
        if !document.is_mapping() {
            return Err(ConfigError::unexpected(
                file,
                &super::DocPath::root(),
                "an Envoy configuration is a mapping",
            ));
        }
        Ok(Self {
            file: file.to_owned(),
            document,
        })
    }

    /// The file that it came from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The whole document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The whole document, for structural changes.
    pub fn document_mut(&mut self) -> &mut Value {
        &mut self.document
    }

    /// The document as YAML, for people.
    ///
    /// # Errors
    /// Where a tag stands in a place that YAML cannot write.
    pub fn to_yaml(&self) -> Result<String, ConfigError> {
        serde_yaml::to_string(&self.document).map_err(|error| ConfigError::NotWritable {
            file: self.file.clone(),
            message: error.to_string(),
        })
    }

    /// The document as JSON, for Envoy: unlike YAML it leaves no doubt whether `y` is a text.
    ///
    /// # Errors
    /// Where a mapping has a key that is neither a text nor a number, or a number is not finite.
    pub fn to_json(&self) -> Result<String, ConfigError> {
        serde_json::to_string_pretty(&self.document).map_err(|error| ConfigError::NotWritable {
            file: self.file.clone(),
            message: error.to_string(),
        })
    }
}
