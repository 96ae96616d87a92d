//! A DNS server that knows a handful of names, over UDP.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

#[derive(Debug)]
pub(super) struct DnsServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<(SocketAddr, Name, RecordType)>>>,
    _serving: AbortOnDropHandle<()>,
}

impl DnsServer {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let serving = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            loop {
                let (length, peer) = socket.recv_from(&mut bytes).await.unwrap();
                let question = Message::from_vec(&bytes[..length]).unwrap();
                let query = &question.queries[0];
                log.lock()
                    .unwrap()
                    .push((peer, query.name().clone(), query.query_type()));
                if let Some(answer) = answer(&question) {
                    socket
                        .send_to(&answer.to_vec().unwrap(), peer)
                        .await
                        .unwrap();
                }
            }
        });
        Self {
            address,
            asked,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    pub fn asked(&self) -> Vec<(SocketAddr, Name, RecordType)> {
        self.asked.lock().unwrap().clone()
    }
}

/// `None` is silence.
fn answer(question: &Message) -> Option<Message> {
    let query = &question.queries[0];
    let name = query.name().to_lowercase().to_ascii();
    let code = match name.as_str() {
        "silent.test." => return None,
        "broken.test." => ResponseCode::ServFail,
        "refused.test." => ResponseCode::Refused,
        "app.test."
        | "v6.test."
        | "alias.test."
        | "text.test."
        | "only-v4-hangs.test."
        | "svc.search.test." => ResponseCode::NoError,
        _ => ResponseCode::NXDomain,
    };
    let data: Vec<RData> = match (name.as_str(), query.query_type()) {
        ("only-v4-hangs.test.", RecordType::A) => return None,
        ("app.test." | "svc.search.test.", RecordType::A) => vec![
            RData::A(A::new(127, 0, 0, 11)),
            RData::A(A::new(127, 0, 0, 12)),
        ],
        ("v6.test.", RecordType::AAAA) => vec![RData::AAAA(AAAA::new(0, 0, 0, 0, 0, 0, 0, 1))],
        ("alias.test.", RecordType::CNAME) => {
            vec![RData::CNAME(CNAME(Name::from_ascii("App.test.").unwrap()))]
        }
        ("text.test.", RecordType::TXT) => vec![RData::TXT(TXT::new(vec![
            "epoch=".to_owned(),
            "7".to_owned(),
        ]))],
        _ => Vec::new(),
    };
    let mut answer = Message::error_msg(question.metadata.id, OpCode::Query, code);
    answer.add_query(query.clone());
    for data in data {
        answer.add_answer(Record::from_rdata(query.name().clone(), 300, data));
    }
    Some(answer)
}
