//! Responses of which one resource is wrong.

use serde_json::json;

use crate::client::{Delta, Sotw, refusal};
use crate::setting::settings;

#[tokio::test]
async fn what_was_refused_is_sent_with_what_puts_it_right() {
    for setting in settings().await {
        setting.put("a", 1).await;
        setting.put("b", 0).await;
        let mut stream = Sotw::open(&setting).await;
        stream.send(&["a", "b"], "", None);
        let (_, bad) = stream.answer().await;
        stream.send(&["a", "b"], &bad.nonce, refusal());
        stream.quiet().await;
        setting.put("b", 1).await;
        let nonce = stream.taken(&["a", "b"], &["a", "b"]).await;
        // To give up what is wrong puts it right too.
        setting.put("b", 0).await;
        let (_, bad) = stream.answer().await;
        assert_ne!(bad.nonce, nonce);
        stream.send(&["a", "b"], &bad.nonce, refusal());
        stream.send(&["a"], &bad.nonce, None);
        stream.taken(&["a"], &["a"]).await;
        stream.quiet().await;
        let (_, topic) = setting.client().await;
        assert_eq!(topic["version_acknowledged"], topic["version_intended"]);
    }
}

#[tokio::test]
async fn what_was_right_in_a_refused_response_is_told_with_what_puts_it_right() {
    for setting in settings().await {
        for (name, content) in [("a", 1), ("b", 0), ("c", 1), ("gone", 1)] {
            setting.put(name, content).await;
        }
        let mut stream = Delta::open(&setting).await;
        stream.want(&["*", "a", "b", "c", "missing"], &[]);
        let bad = stream.next().await;
        stream.refuse(&bad.nonce);
        stream.quiet().await;
        // What has nothing to do with it comes alone.
        setting.put("d", 1).await;
        stream.taken(&["d"], &[]).await;
        let (_, topic) = setting.client().await;
        assert_eq!(topic["version_acknowledged"], json!(null));
        setting.put("b", 1).await;
        stream.taken(&["b"], &[]).await;
        for name in ["a", "c", "gone"] {
            stream.taken(&[name], &[]).await;
        }
        stream.taken(&[], &["missing"]).await;
        stream.quiet().await;
        let (_, topic) = setting.client().await;
        assert_eq!(topic["version_acknowledged"], topic["version_intended"]);

        // To take away what is wrong puts it right too, and so does to give it up.
        setting.put("b", 0).await;
        let bad = stream.next().await;
        stream.refuse(&bad.nonce);
        setting.delete("b").await;
        stream.taken(&[], &["b"]).await;
        setting.put("b", 0).await;
        let bad = stream.next().await;
        stream.refuse(&bad.nonce);
        stream.want(&[], &["*", "b"]);
        stream.quiet().await;
        let (_, topic) = setting.client().await;
        assert_eq!(topic["version_acknowledged"], topic["version_intended"]);
    }
}

#[tokio::test]
async fn what_was_put_right_before_it_was_refused_is_told_with_the_rest() {
    for setting in settings().await {
        setting.put("a", 1).await;
        setting.put("b", 0).await;
        let mut stream = Delta::open(&setting).await;
        stream.want(&["a", "b"], &[]);
        let bad = stream.next().await;
        setting.put("b", 1).await;
        let good = stream.next().await;
        assert_eq!(good.resources.len(), 1);
        stream.refuse(&bad.nonce);
        stream.taken(&["a"], &[]).await;
        stream.quiet().await;
    }
}
