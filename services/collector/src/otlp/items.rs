//! The way through what is exported: resources, their scopes, and the items of these. Traces, logs and metrics are alike in it.

use crate::bounds::name;
use crate::wire::{Fields, Malformed, first};

/// The numbers of the fields, which are the same in all three.
const RESOURCES: u32 = 1;
const RESOURCE: u32 = 1;
const SCOPES: u32 = 2;
const ITEMS: u32 = 2;

/// Of a resource, an attribute, and its value.
const ATTRIBUTES: u32 = 1;
const KEY: u32 = 1;
const VALUE: u32 = 2;
const TEXT: u32 = 1;

/// The items of a message, without what is in them.
#[derive(Debug)]
pub(super) struct Items<'a> {
    resources: Fields<'a>,
    scopes: Fields<'a>,
    items: Fields<'a>,
    service: String,
}

/// A step on the way.
pub(super) enum Step<'a> {
    /// To a resource or a scope.
    On,
    /// To an item.
    Item(&'a [u8]),
}

impl<'a> Items<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self {
            resources: Fields::of(message),
            scopes: Fields::default(),
            items: Fields::default(),
            service: String::new(),
        }
    }

    /// The next step; `None` at the end.
    ///
    /// # Errors
    /// The bytes are no such message.
    pub(super) fn step(&mut self) -> Result<Option<Step<'a>>, Malformed> {
        if let Some(item) = self.items.next_of(ITEMS)? {
            return Ok(Some(Step::Item(item)));
        }
        if let Some(scope) = self.scopes.next_of(SCOPES)? {
            self.items = Fields::of(scope);
            return Ok(Some(Step::On));
        }
        let Some(resource) = self.resources.next_of(RESOURCES)? else {
            return Ok(None);
        };
        self.service = service(first(resource, RESOURCE)?)?;
        self.scopes = Fields::of(resource);
        Ok(Some(Step::On))
    }

    /// Whose the item is: `service.name`, or nothing.
    pub(super) fn service(&self) -> &str {
        &self.service
    }
}

fn service(resource: &[u8]) -> Result<String, Malformed> {
    let mut attributes = Fields::of(resource);
    while let Some(attribute) = attributes.next_of(ATTRIBUTES)? {
        if first(attribute, KEY)? == b"service.name" {
            return Ok(name(first(first(attribute, VALUE)?, TEXT)?));
        }
    }
    Ok(String::new())
}
