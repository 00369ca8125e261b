//! What Envoys are told: resources of every type, whichever way they came and whichever way they go out.

mod assignment;
mod awaits;
mod descriptors;
mod invalid;
mod json;
mod kind;
mod proto_json;
mod resource;
mod strict;
mod version;

pub(crate) use awaits::Awaited;
pub(crate) use invalid::InvalidResource;
pub(crate) use kind::Kind;
pub(crate) use resource::Resource;
pub(crate) use strict::Strict;
pub(crate) use version::Version;
