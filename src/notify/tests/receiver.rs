//! A receiver that answers as it is told to, and keeps what it was given.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::mpsc;

/// One request.
#[derive(Debug)]
pub struct Given {
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Clone)]
struct Desk {
    answers: Arc<Mutex<VecDeque<u16>>>,
    given: mpsc::UnboundedSender<Given>,
}

/// What it is given comes in order.
pub struct Receiver {
    pub url: String,
    answers: Arc<Mutex<VecDeque<u16>>>,
    given: mpsc::UnboundedReceiver<Given>,
}

impl Receiver {
    /// Answers with each of these in turn, then 200 for good.
    pub async fn answering(answers: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (given_in, given) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let router = Router::new().fallback(take).with_state(Desk {
            answers: Arc::clone(&answers),
            given: given_in,
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            answers,
            given,
        }
    }

    /// The next request.
    pub async fn next(&mut self) -> Given {
        self.given.recv().await.expect("the receiver lives")
    }

    /// From now on it answers so, once.
    pub fn answer(&self, status: u16) {
        self.answers.lock().unwrap().push_back(status);
    }

    /// Whether nothing else has come.
    pub fn is_empty(&mut self) -> bool {
        self.given.try_recv().is_err()
    }
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let answer = desk.answers.lock().unwrap().pop_front().unwrap_or(200);
    let _ = desk.given.send(Given { headers, body });
    StatusCode::from_u16(answer).unwrap()
}
