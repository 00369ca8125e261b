//! What is allowed.

use std::collections::BTreeMap;

use http::Method;
use meshkat_kit::Problem;
use meshkat_kit::shape::header;
use serde::{Deserialize, Serialize};

/// The header that the rules of the beginning ask for.
const HEADER: &str = "x-ext-authz";

/// The status of a refusal that asks for no other.
const FORBIDDEN: u16 = 403;

/// The rules, of which the first that fits a request decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
    /// What becomes of a request that none fits.
    pub(crate) otherwise: Otherwise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Otherwise {
    Allow,
    Deny,
}

/// Which requests, and what becomes of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// One of these, in whatever case; any if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) methods: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// What the path begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// All of these, with exactly these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) allow: bool,
    /// Of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// Headers that the request is sent on with, or that the refusal has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) set: BTreeMap<String, String>,
    /// Headers that the request is sent on without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) remove: Vec<String>,
}

/// A request that an Envoy asks about.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) host: String,
    /// With its query.
    pub(crate) path: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// The place of the rule that decided, from 0; none if none fits.
    pub(crate) rule: Option<usize>,
    pub(crate) allow: bool,
    /// Of a refusal.
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) set: BTreeMap<String, String>,
    pub(crate) remove: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            rules: vec![Rule {
                headers: BTreeMap::from([(HEADER.to_owned(), "allow".to_owned())]),
                allow: true,
                ..Rule::default()
            }],
            otherwise: Otherwise::Deny,
        }
    }
}

impl Rules {
    /// # Errors
    /// A rule says something that cannot be done, which is told with its place.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        for (place, rule) in self.rules.iter().enumerate() {
            rule.check()
                .map_err(|error| Problem::bad_request(format!("rules[{place}]: {error}")))?;
        }
        Ok(())
    }

    pub(crate) fn decide(&self, asked: &Asked) -> Decision {
        match self.rules.iter().position(|rule| rule.fits(asked)) {
            Some(place) => {
                let rule = &self.rules[place];
                Decision {
                    rule: Some(place),
                    allow: rule.allow,
                    status: rule.status.unwrap_or(FORBIDDEN),
                    body: rule.body.clone().unwrap_or_default(),
                    set: rule.set.clone(),
                    remove: rule.remove.clone(),
                }
            }
            None => Decision {
                rule: None,
                allow: self.otherwise == Otherwise::Allow,
                status: FORBIDDEN,
                body: String::new(),
                set: BTreeMap::new(),
                remove: Vec::new(),
            },
        }
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        for method in &self.methods {
            method
                .parse::<Method>()
                .map_err(|_| format!("`methods` has {method:?}, which is no method: it is one such as GET"))?;
        }
        for (name, value) in self.set.iter().chain(&self.headers) {
            header(name, value).map_err(|error| error.to_string())?;
        }
        for name in &self.remove {
            header(name, "").map_err(|error| error.to_string())?;
        }
        if self.allow && (self.status.is_some() || self.body.is_some()) {
            return Err("`status` and `body` are of a refusal, and this allows".to_owned());
        }
        if !self.allow && !self.remove.is_empty() {
            return Err("`remove` is of a request that is sent on, and this refuses".to_owned());
        }
        match self.status.filter(|status| !(400..=599).contains(status)) {
            Some(status) => Err(format!("`status` is 400 to 599, not {status}")),
            None => Ok(()),
        }
    }

    fn fits(&self, asked: &Asked) -> bool {
        // As `header` reads them where the rule is checked.
        let has = |(name, value): (&String, &String)| {
            let has = asked.headers.get(&name.trim().to_ascii_lowercase());
            has.is_some_and(|has| has == value.trim())
        };
        let is_asked = |method: &String| method.eq_ignore_ascii_case(&asked.method);
        (self.methods.is_empty() || self.methods.iter().any(is_asked))
            && self
                .host
                .as_ref()
                .is_none_or(|host| host.eq_ignore_ascii_case(&asked.host))
            && self.path.as_ref().is_none_or(|path| asked.path.starts_with(path))
            && self.headers.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rules(value: Value) -> Result<Rules, String> {
        let rules: Rules = serde_json::from_value(value).map_err(|error| error.to_string())?;
        rules.check().map_err(|problem| problem.told().to_owned())?;
        Ok(rules)
    }

    fn asked(method: &str, path: &str, headers: &[(&str, &str)]) -> Asked {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Asked {
            method: method.to_owned(),
            host: "foo.com".to_owned(),
            path: path.to_owned(),
            headers: headers.collect(),
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = rules(json!({
            "rules": [
                {"path": "/admin", "headers": {"X-User": "root"}, "allow": true, "set": {"x-role": "admin"}, "remove": ["x-user"]},
                {"path": "/admin", "allow": false, "status": 401, "body": "who are you?"},
                {"methods": ["delete", "PUT"], "host": "FOO.com", "allow": false},
                {"headers": {"x-bad ": " 1"}, "allow": false},
            ],
            "otherwise": "allow",
        }))
        .unwrap();
        for (method, path, headers, rule, allow, status) in [
            ("GET", "/admin/x", &[("x-user", "root")][..], Some(0), true, 403),
            ("GET", "/admin/x", &[("x-user", "me")], Some(1), false, 401),
            ("PUT", "/", &[], Some(2), false, 403),
            ("DELETE", "/", &[], Some(2), false, 403),
            ("GET", "/", &[("x-bad", "1")], Some(3), false, 403),
            ("GET", "/", &[("x-bad", "10")], None, true, 403),
            ("GET", "/", &[], None, true, 403),
        ] {
            let decision = rules.decide(&asked(method, path, headers));
            assert_eq!(
                (decision.rule, decision.allow, decision.status),
                (rule, allow, status),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn what_cannot_be_done_is_told_with_its_place() {
        for (rule, told) in [
            (json!({"allow": true, "status": 500}), "rules[0]: `status` and `body`"),
            (json!({"allow": false, "status": 200}), "400 to 599"),
            (json!({"allow": false, "remove": ["x-a"]}), "`remove`"),
            (json!({"allow": true, "set": {"content-length": "3"}}), "content-length"),
            (json!({"allow": true, "remove": ["no name"]}), "no name"),
            (json!({"alow": true}), "alow"),
            (json!({"allow": true, "methods": ["GET", "P UT"]}), "P UT"),
            (json!({"allow": true, "methods": [""]}), "`methods`"),
        ] {
            let error = rules(json!({"rules": [rule], "otherwise": "deny"})).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
