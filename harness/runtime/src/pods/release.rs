//! Giving a mesh back, step by step: what failed is tried again, and what is through is not.

use crate::{Released, RuntimeError};

/// How far it is.
#[derive(Debug, Default)]
pub(crate) struct Release {
    /// What became of the folder, once it is away.
    away: Option<Released>,
    is_through: bool,
}

impl Release {
    /// Whether nothing of the mesh is left.
    pub(crate) fn is_through(&self) -> bool {
        self.is_through
    }

    /// Ends all that runs, and puts the folder away. What could not be ended has no use for the folder: it goes all the same.
    ///
    /// # Errors
    /// Why something of the mesh is still there. Then it can be tried again.
    pub(crate) async fn go_on(
        &mut self,
        end_all: impl Future<Output = Result<(), RuntimeError>>,
        put_away: impl Future<Output = Result<Released, RuntimeError>>,
    ) -> Result<Released, RuntimeError> {
        if let Some(released) = self.away.as_ref().filter(|_| self.is_through) {
            return Ok(released.clone());
        }
        let ended = end_all.await;
        let away = match self.away.take() {
            Some(away) => Ok(away),
            None => put_away.await,
        };
        if let Ok(away) = &away {
            self.away = Some(away.clone());
        }
        ended?;
        let released = away?;
        self.is_through = true;
        Ok(released)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn fails() -> RuntimeError {
        RuntimeError::Released
    }

    #[tokio::test]
    async fn what_failed_is_tried_again_and_what_is_through_is_not() {
        let done = RefCell::new(Vec::new());
        let end = |result| {
            let done = &done;
            async move {
                done.borrow_mut().push("end");
                result
            }
        };
        let away = |result: Result<(), RuntimeError>| {
            let done = &done;
            async move {
                done.borrow_mut().push("away");
                result.map(|()| Released {
                    kept: Some("kept".into()),
                })
            }
        };
        let mut release = Release::default();
        assert!(release.go_on(end(Err(fails())), away(Err(fails()))).await.is_err());
        assert!(release.go_on(end(Err(fails())), away(Ok(()))).await.is_err());
        assert!(!release.is_through());
        let released = release.go_on(end(Ok(())), away(Err(fails()))).await;
        assert_eq!(released.map(|released| released.kept).ok(), Some(Some("kept".into())));
        assert!(release.is_through());
        assert!(release.go_on(end(Err(fails())), away(Err(fails()))).await.is_ok());
        assert_eq!(*done.borrow(), ["end", "away", "end", "away", "end"]);
    }
}
