//! Who may change what a service does: `/faults`, and whatever else a service says is for those who run it.
//!
//! Four things are asked of a request, each against somebody else. Its `Host` is a name that the service goes by, against a
//! page in a browser whose name was made to lead here. A write has no `Origin`, against a page that writes to what it cannot
//! read. Its body says that it is JSON, against the same. And it brings the token or comes from this user, against other users
//! of the machine and of the network. Reading is open to all, but for the first.

mod args;
mod content;
mod host;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use crate::connection::Connection;
use crate::owner::Owner;
use crate::problem::{Problem, unknown_path};

pub use args::{GuardArgs, InvalidGuard, TOKEN_VARIABLE};
pub use token::{InvalidToken, Token};

/// Who may change what a service does. Without a token, whoever comes over the loopback interface and is this user or root.
/// Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Guard(Arc<Rules>);

#[derive(Debug, Default)]
struct Rules {
    token: Option<Token>,
    /// Without a token, anybody may write.
    anyone: bool,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    /// Whoever has the token, and nobody else.
    pub fn of_token(token: Token) -> Self {
        Self(Arc::new(Rules {
            token: Some(token),
            ..Rules::default()
        }))
    }

    /// Lets a request through, or refuses it: a layer for routes that are for those who run the service.
    pub async fn protect(State(guard): State<Self>, request: Request, next: Next) -> Response {
        let writer = (!is_read(request.method())).then(|| request.extensions().get::<Connection>().cloned());
        let admitted = match guard.admit(&request) {
            Ok(None) => Ok(()),
            Ok(Some(ask)) => ask.answer().await,
            Err(problem) => Err(problem),
        };
        match admitted {
            Ok(()) => {
                if let Some(Some(writer)) = writer {
                    writer.prove();
                }
                next.run(request).await
            }
            Err(problem) => refused(problem),
        }
    }

    /// Routes that are for those who run the service: they are not there for what came through an Envoy, and change something for
    /// those alone who may.
    pub fn private(&self, routes: Router) -> Router {
        routes
            .layer(from_fn_with_state(self.clone(), Self::protect))
            .layer(from_fn(hide_from_envoy))
    }

    /// Refuses pages in a browser, and lets everybody else through: a layer for routes that tell what no page is to read. A
    /// browser says on each request of such a kind which page makes it.
    pub async fn keep_pages_out(State(guard): State<Self>, request: Request, next: Next) -> Response {
        match guard.check_origin(request.headers()) {
            Ok(()) => next.run(request).await,
            Err(problem) => refused(problem),
        }
    }

    /// Lets a request through, or tells what is to be asked of the system first.
    fn admit(&self, request: &Request) -> Result<Option<Ask>, Problem> {
        host::check(request, &self.0.hosts)?;
        if is_read(request.method()) {
            return Ok(None);
        }
        self.check_origin(request.headers())?;
        content::check(request)?;
        match &self.0.token {
            Some(token) => check_token(token, request.headers()).map(|()| None),
            None if self.0.anyone => Ok(None),
            None => Ok(Some(Ask {
                connection: request.extensions().get().cloned(),
                came_through_a_proxy: came_through_a_proxy(request.headers()),
            })),
        }
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let is_allowed = |origin: &HeaderValue| {
            self.0
                .origins
                .iter()
                .any(|allowed| allowed.as_bytes() == origin.as_bytes())
        };
        match headers
            .get_all(header::ORIGIN)
            .iter()
            .find(|origin| !is_allowed(origin))
        {
            None => Ok(()),
            Some(origin) => Err(forbidden(format!(
                "no page of {} may do this; one that may is given with --allow-origin",
                String::from_utf8_lossy(origin.as_bytes())
            ))),
        }
    }
}

fn is_read(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method)
}

fn check_token(token: &Token, headers: &HeaderMap) -> Result<(), Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    // Two are one too many: which of them is meant cannot be told.
    match (given.next(), given.next()) {
        (Some(given), None) if token.is_in(given.as_bytes()) => Ok(()),
        (None, _) => Err(Problem::new(StatusCode::UNAUTHORIZED).detail(format!(
            "a write needs the token: `Authorization: Bearer TOKEN`, with what {TOKEN_VARIABLE} was when this was started. In a mesh \
             of `meshkat up`, `meshkat status` names the file that has this header"
        ))),
        _ => Err(Problem::new(StatusCode::UNAUTHORIZED).detail("this is not the token that this service was started with")),
    }
}

/// What a proxy passes on is the proxy's word, and who is behind it cannot be known.
fn came_through_a_proxy(headers: &HeaderMap) -> bool {
    came_through_envoy(headers)
        || headers.keys().any(|name| {
            let name = name.as_str();
            name == "via" || name == "forwarded" || name.starts_with("x-forwarded-")
        })
}

/// Envoy puts `x-forwarded-proto` on every request that it forwards, and most often some `x-envoy-…` too.
fn came_through_envoy(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name.as_str() == "x-forwarded-proto" || name.as_str().starts_with("x-envoy-"))
}

async fn hide_from_envoy(uri: Uri, request: Request, next: Next) -> Response {
    if came_through_envoy(request.headers()) {
        return unknown_path(uri).await.into_response();
    }
    next.run(request).await
}

/// Whose a write is has to be asked.
struct Ask {
    connection: Option<Connection>,
    came_through_a_proxy: bool,
}

impl Ask {
    async fn answer(self) -> Result<(), Problem> {
        let owner = match self.connection {
            Some(connection) if !self.came_through_a_proxy => connection.owner().await,
            _ => Owner::Unknown,
        };
        let who = match owner {
            Owner::Trusted => return Ok(()),
            Owner::Other(user) => format!("this comes from the user {user}"),
            Owner::Elsewhere => "this comes from elsewhere".to_owned(),
            Owner::Unknown => "it cannot be told whose request this is".to_owned(),
        };
        Err(forbidden(format!(
            "without a token, only the user who runs this service (or root) may write, over the loopback interface, and {who}. \
             Start it with {TOKEN_VARIABLE} in its environment and send `Authorization: Bearer TOKEN`, or start it with \
             --allow-writes-from-anyone"
        )))
    }
}

fn forbidden(detail: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN).detail(detail)
}

fn refused(problem: Problem) -> Response {
    let is_unauthorized = problem.status() == StatusCode::UNAUTHORIZED;
    let mut response = problem.into_response();
    if is_unauthorized {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    response
}
