//! Cookies, kept and sent as RFC 6265 says.

use cookie_store::CookieStore;
use url::Url;

/// What answers said by `Set-Cookie`, for those who are sent it again: by host, path, scheme and age.
#[derive(Debug, Clone, Default)]
pub struct Jar(CookieStore);

impl Jar {
    /// Keeps what the answer to a request of this URL said. What is no cookie, or is for another host, is not kept.
    ///
    /// # Errors
    /// It is no URL: the request goes to a host that cannot be part of one.
    pub fn keep(&mut self, url: &str, set_cookies: &[String]) -> Result<(), String> {
        let url = read(url)?;
        for line in set_cookies {
            // A browser does not tell, either.
            drop(self.0.parse(line, &url));
        }
        Ok(())
    }

    /// The value of the `cookie` header of a request of this URL: those with the longest path first, as RFC 6265 has it, then by name. None
    /// where no cookie is for it.
    pub(crate) fn header(&self, url: &str) -> Result<Option<String>, String> {
        let url = read(url)?;
        let mut cookies = self.0.matches(&url);
        cookies.sort_by_key(|cookie| (usize::MAX - cookie.path.as_ref().len(), cookie.name().to_owned()));
        let pairs: Vec<String> = cookies
            .iter()
            .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
            .collect();
        Ok(Some(pairs.join("; ")).filter(|value| !value.is_empty()))
    }
}

fn read(text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|error| format!("cookies are kept by URL, and `{text}` is none: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(lines: &[&str]) -> Jar {
        let mut jar = Jar::default();
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        jar.keep("http://foo.com:8080/a/login", &lines).unwrap();
        jar
    }

    fn sent(jar: &Jar, host: &str, path: &str) -> Option<String> {
        jar.header(&format!("http://{host}{path}")).unwrap()
    }

    #[test]
    fn a_cookie_goes_where_it_is_for() {
        let jar = jar(&[
            "id=1; Path=/; HttpOnly",
            "deep=2; Path=/a/b",
            "own=3",
            "other=4; Domain=bar.com; Path=/",
            "safe=5; Path=/; Secure",
            "dates=6; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
            "no cookie",
        ]);
        assert_eq!(sent(&jar, "foo.com", "/"), Some("dates=6; id=1".to_owned()));
        let all = Some("deep=2; own=3; dates=6; id=1".to_owned());
        assert_eq!(
            sent(&jar, "foo.com:8080", "/a/b/c?x=1#y"),
            all,
            "the port is no part of it"
        );
        assert_eq!(sent(&jar, "bar.com", "/"), None);
        assert_eq!(sent(&jar, "x.foo.com", "/"), None, "it is the host's alone");
    }

    #[test]
    fn a_cookie_that_ends_is_sent_no_more() {
        let mut jar = jar(&["id=1; Path=/", "name=bob; Path=/"]);
        let ends = ["id=; Path=/; Max-Age=0".to_owned()];
        jar.keep("http://foo.com/", &ends).unwrap();
        assert_eq!(sent(&jar, "foo.com", "/"), Some("name=bob".to_owned()));
    }

    #[test]
    fn a_host_that_is_none_is_told() {
        let told = Jar::default().header("http://[oops/").unwrap_err();
        assert!(
            told.starts_with("cookies are kept by URL, and `http://[oops/` is none"),
            "{told}"
        );
    }
}
