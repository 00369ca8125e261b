//! The descriptors of Envoy's API: what turns proto3 JSON into bytes and back.

use std::sync::OnceLock;

use prost::Message as _;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use prost_reflect::{DescriptorError, DescriptorPool};

/// Every message that Envoy 1.40 has, and those of its published API besides, as clients other than Envoy know some of them.
/// `tests/descriptors.rs` writes it, and tells when it is out of date.
const SET: &[u8] = include_bytes!("../../descriptors/envoy-v3.binpb");

/// What the library that reads JSON would read as it thinks right.
const ANY: &str = ".google.protobuf.Any";

/// The message that stands in each place of an `Any`: it has the same bytes, and in JSON nothing of its own.
pub(super) const OPEN_ANY: &str = "meshkat.OpenAny";

/// The file that it is in.
const OPEN_FILE: &str = "meshkat/open_any.proto";

/// Decoded once, at the first use. In the place of each `Any` there is an [`OPEN_ANY`].
pub(super) fn pool() -> Result<&'static DescriptorPool, &'static DescriptorError> {
    static POOL: OnceLock<Result<DescriptorPool, DescriptorError>> = OnceLock::new();
    POOL.get_or_init(|| {
        let Ok(mut set) = FileDescriptorSet::decode(SET) else {
            // It says in its own words what is wrong.
            return DescriptorPool::decode(SET);
        };
        for file in &mut set.file {
            open(file);
        }
        set.file.insert(0, open_file());
        DescriptorPool::from_file_descriptor_set(set)
    })
    .as_ref()
}

fn open_file() -> FileDescriptorProto {
    let field = |name: &str, number, kind: Type| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        ..Default::default()
    };
    FileDescriptorProto {
        name: Some(OPEN_FILE.to_owned()),
        package: Some("meshkat".to_owned()),
        message_type: vec![DescriptorProto {
            name: Some("OpenAny".to_owned()),
            field: vec![field("type_url", 1, Type::String), field("value", 2, Type::Bytes)],
            ..Default::default()
        }],
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    }
}

fn open(file: &mut FileDescriptorProto) {
    let mut found = false;
    let mut messages: Vec<&mut DescriptorProto> = file.message_type.iter_mut().collect();
    while let Some(message) = messages.pop() {
        let fields = message.field.iter_mut();
        for field in fields.filter(|field| field.type_name.as_deref() == Some(ANY)) {
            field.type_name = Some(format!(".{OPEN_ANY}"));
            found = true;
        }
        messages.extend(&mut message.nested_type);
    }
    if found {
        file.dependency.push(OPEN_FILE.to_owned());
    }
}
