//! `meshkat schema`.

use meshkat_model::scenario::schemas;

use crate::{
    args::{SchemaArgs, SchemaKind},
    exit::Exit,
    output::print_json,
};

pub(crate) fn run(args: &SchemaArgs) -> Result<(), Exit> {
    let name = match args.kind {
        SchemaKind::Scenario => "scenario",
        SchemaKind::Mesh => "mesh",
        SchemaKind::Axes => "axes",
        SchemaKind::Overlay => "overlay",
        SchemaKind::Cover => "cover",
    };
    let schemas = schemas();
    let schema = schemas
        .get(name)
        .ok_or_else(|| Exit::usage(format!("there is no schema `{name}`")))?;
    print_json(schema.clone(), true);
    Ok(())
}
