//! What a server tells of its services: reflection, v1 and v1alpha, whose messages are the same on the wire.

use std::collections::{BTreeMap, BTreeSet};

use meshkat_model::{
    grpc::{Code, Schema},
    observation::NoAnswer,
};
use prost::Message;
use prost_types::FileDescriptorProto;

use super::{
    call::{Raw, of_grpc},
    frame::{framed, messages},
};
use crate::{Client, Request};

/// Where reflection is, the newest first.
const PATHS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// A service is described by so many files at the most.
const MOST_FILES: usize = 1000;

/// How often what files import is asked for: as deep as that imports are.
const MOST_ROUNDS: usize = 50;

/// Why a service is not known.
#[derive(Debug, thiserror::Error)]
pub enum NotDescribed {
    /// Reflection was not answered.
    #[error("{}", .0.message)]
    NoAnswer(NoAnswer),
    /// It was answered with another status than OK.
    #[error("reflection ended with {0}{told}", told = behind(.1))]
    Ended(Code, String),
    /// The server does not know the service.
    #[error("the server says: {0}")]
    Unknown(String),
    /// What it told is nothing that describes a service.
    #[error("what reflection tells cannot be read: {0}")]
    Garbled(String),
}

/// A message behind what it is of.
fn behind(message: &str) -> String {
    match message {
        "" => String::new(),
        message => format!(": {message}"),
    }
}

#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(oneof = "Asked", tags = "3, 4")]
    asked: Option<Asked>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Asked {
    #[prost(string, tag = "3")]
    File(String),
    #[prost(string, tag = "4")]
    Symbol(String),
}

#[derive(Clone, PartialEq, Message)]
struct Told {
    #[prost(message, optional, tag = "4")]
    files: Option<Files>,
    #[prost(message, optional, tag = "7")]
    error: Option<Refused>,
}

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Refused {
    #[prost(string, tag = "2")]
    message: String,
}

impl Client {
    /// Asks for what describes a service, and all that this imports. Where it is asked, and how, is as of `request`, over connections of
    /// its own.
    ///
    /// # Errors
    /// See [`NotDescribed`].
    pub async fn describe(&self, request: &Request, service: &str) -> Result<Schema, NotDescribed> {
        let request = request.clone().apart();
        let mut known: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut questions = vec![Asked::Symbol(service.to_owned())];
        for _ in 0..MOST_ROUNDS {
            for file in self.ask(&request, questions).await? {
                let name = parsed(&file)?.name.unwrap_or_default();
                known.insert(name, file);
            }
            let mut missing = BTreeSet::new();
            for file in known.values() {
                let imports = parsed(file)?.dependency;
                missing.extend(imports.into_iter().filter(|name| !known.contains_key(name)));
            }
            if known.len() + missing.len() > MOST_FILES {
                let message = format!("a service of more than {MOST_FILES} files");
                return Err(NotDescribed::Garbled(message));
            }
            if missing.is_empty() {
                let files = known.values().map(Vec::as_slice);
                return Schema::from_files(files).map_err(NotDescribed::Garbled);
            }
            questions = missing.into_iter().map(Asked::File).collect();
        }
        let message = format!("files that import one another more than {MOST_ROUNDS} deep");
        Err(NotDescribed::Garbled(message))
    }

    /// The files that are told, by whichever version of reflection there is.
    async fn ask(&self, request: &Request, questions: Vec<Asked>) -> Result<Vec<Vec<u8>>, NotDescribed> {
        let questions: Vec<Vec<u8>> = questions
            .into_iter()
            .map(|asked| Question { asked: Some(asked) }.encode_to_vec())
            .collect();
        let mut last = None;
        for path in PATHS {
            let body = framed(questions.iter().map(Vec::as_slice));
            let request = of_grpc(request.clone(), path, body, None).map_err(NotDescribed::Garbled)?;
            let Raw { response, ended, body } = self.raw_grpc(&request).await;
            let ended = match (response.outcome, ended) {
                (Err(none), _) => return Err(NotDescribed::NoAnswer(none)),
                (Ok(_), ended) => ended,
            };
            match ended {
                Some(ended) if ended.code != Code::OK => {
                    let is_missing = ended.code == Code::UNIMPLEMENTED;
                    last = Some(NotDescribed::Ended(ended.code, ended.message));
                    if !is_missing {
                        break;
                    }
                }
                _ => return files(&body),
            }
        }
        Err(last.unwrap_or_else(|| NotDescribed::Garbled("nothing".to_owned())))
    }
}

fn parsed(file: &[u8]) -> Result<FileDescriptorProto, NotDescribed> {
    FileDescriptorProto::decode(file).map_err(|error| NotDescribed::Garbled(error.to_string()))
}

/// The files of all that was told.
fn files(body: &[u8]) -> Result<Vec<Vec<u8>>, NotDescribed> {
    let (all, end) = messages(body);
    end.map_err(NotDescribed::Garbled)?;
    let mut files = Vec::new();
    for message in all {
        let told = Told::decode(message).map_err(|error| NotDescribed::Garbled(error.to_string()))?;
        if let Some(refused) = told.error {
            return Err(NotDescribed::Unknown(refused.message));
        }
        files.extend(told.files.into_iter().flat_map(|files| files.files));
    }
    Ok(files)
}
