//! Requests and loads against good servers, and against those that do what no good server does.

mod answers;
mod certificates;
mod ends;
mod http2;
mod loads;
mod peers;
mod servers;
mod strangers;
mod tls;
mod wire;
