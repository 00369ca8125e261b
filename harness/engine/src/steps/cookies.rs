//! Cookies of requests: what `Set-Cookie` said is sent again, by the name of the jar.

use std::borrow::Cow;

use meshkat_driver::Request;
use meshkat_model::{observation::Response, scenario::verb::request::RequestStep};

use super::request::cannot_be_sent;
use crate::case::{Broken, CaseRun};

impl CaseRun<'_> {
    /// The request with the cookies of its jar that are for where it goes.
    pub(super) fn with_cookies<'r>(
        &self,
        step: &RequestStep,
        request: &'r Request,
    ) -> Result<Cow<'r, Request>, Broken> {
        let jar = step.cookies.as_ref().and_then(|name| self.jars.get(&name.value));
        let Some(jar) = jar else {
            return Ok(Cow::Borrowed(request));
        };
        let request = request.clone().cookies(jar).map_err(cannot_be_sent)?;
        Ok(Cow::Owned(request))
    }

    /// Puts what an answer says by `Set-Cookie` into the jar of the step.
    pub(super) fn keep_cookies(
        &mut self,
        step: &RequestStep,
        request: &Request,
        response: &Response,
    ) -> Result<(), Broken> {
        if let (Some(name), Ok(answer)) = (&step.cookies, &response.outcome) {
            let jar = self.jars.entry(name.value.clone()).or_default();
            jar.keep(&request.url(), &answer.set_cookies).map_err(cannot_be_sent)?;
        }
        Ok(())
    }
}
