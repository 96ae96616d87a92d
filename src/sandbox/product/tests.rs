use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::server::MAX_CONNECTIONS;
use super::*;
use crate::model::Millis;
use crate::sandbox::fake_plane::{FakePlane, TestClock, frankfurt, ireland, until};
use crate::sandbox::network::Place;

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));
const TWO: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 2));

/// Far longer than any answer takes, and far shorter than a test may.
const PATIENCE: Duration = Duration::from_secs(10);

struct Town {
    plane: Arc<FakePlane>,
    network: Arc<Network>,
    product: Product,
}

impl Town {
    async fn new() -> Self {
        let plane = Arc::new(FakePlane::new());
        let network = Arc::new(Network::new());
        let setup = ProductSetup {
            regions: vec![ireland(), frankfurt()],
            references: 3,
        };
        let clock = Arc::new(TestClock { speed: 4 });
        let product = Product::start(plane.clone(), network.clone(), clock, setup)
            .await
            .unwrap();
        Self {
            plane,
            network,
            product,
        }
    }

    fn region(&self, region: &RegionId) -> SocketAddr {
        self.product.addresses().regions[region]
    }

    async fn ask(
        &self,
        to: SocketAddr,
        method: Method,
        path: &str,
    ) -> (u16, Option<String>, serde_json::Value) {
        let answer = exchange(ONE, to, method, path, PATIENCE).await.unwrap();
        let region = answer.region.map(|r| r.to_str().unwrap().to_owned());
        let body = serde_json::from_slice(&answer.body).unwrap();
        (answer.status.as_u16(), region, body)
    }

    async fn get(&self, to: SocketAddr, path: &str) -> (u16, Option<String>, serde_json::Value) {
        self.ask(to, Method::GET, path).await
    }
}

/// A connection from `source` that has sent a request and reads nothing.
async fn waiting(source: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(source, 0)).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    stream
}

/// What came until the connection was closed or reset.
async fn rest_of(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    let _closed_or_reset = read.expect("the connection stays open");
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_region_answers_in_its_own_name() {
    let town = Town::new().await;
    let (west, central) = (town.region(&ireland()), town.region(&frankfurt()));
    assert_eq!(west.ip().to_string(), "127.0.2.1");
    assert_eq!(central.ip().to_string(), "127.0.2.2");

    let (status, region, _) = town.get(west, "/healthz").await;
    assert_eq!((status, region.as_deref()), (200, Some("eu-west-1")));
    let (status, region, body) = town.get(central, "/read").await;
    assert_eq!((status, region.as_deref()), (200, Some("eu-central-1")));
    assert_eq!(
        body,
        serde_json::json!({"region": "eu-central-1", "row": null})
    );
    assert_eq!(town.get(west, "/").await.0, 404);
    assert_eq!(town.get(west, "/write").await.0, 405);
}

#[tokio::test]
async fn it_stands_on_other_addresses_where_it_is_told_to() {
    let setup = ProductSetup {
        regions: vec![ireland(), frankfurt()],
        references: 1,
    };
    let plane = Arc::new(FakePlane::new());
    let clock = Arc::new(TestClock { speed: 60 });
    let product = Product::start_in([127, 7], plane, Arc::default(), clock, setup);
    let product = product.await.unwrap();
    let addresses = product.addresses();
    let hosts = addresses.regions.values();
    let hosts = hosts.chain([&addresses.front]).chain(&addresses.references);
    let hosts: Vec<String> = hosts.map(|address| address.ip().to_string()).collect();
    assert_eq!(
        hosts,
        ["127.7.2.2", "127.7.2.1", "127.7.2.100", "127.7.3.1"]
    );
}

#[tokio::test]
async fn a_write_commits_a_row_of_its_own() {
    let town = Town::new().await;
    let west = town.region(&ireland());
    let (status, _, first) = town.ask(west, Method::POST, "/write").await;
    assert_eq!(status, 200);
    let (status, region, second) = town.get(west, "/write-check").await;
    assert_eq!((status, region.as_deref()), (200, Some("eu-west-1")));
    let rows = [
        first["row"].as_u64().unwrap(),
        second["row"].as_u64().unwrap(),
    ];
    assert_ne!(rows[0], rows[1]);
    assert_eq!(town.plane.facts().rows, rows.into());
    let (_, _, newest) = town.get(west, "/read").await;
    assert_eq!(newest["row"], second["row"]);
}

#[tokio::test]
async fn a_reader_refuses_writes_and_says_why() {
    let town = Town::new().await;
    let central = town.region(&frankfurt());
    for (method, path) in [(Method::POST, "/write"), (Method::GET, "/write-check")] {
        let (status, region, body) = town.ask(central, method, path).await;
        assert_eq!((status, region.as_deref()), (503, Some("eu-central-1")));
        assert_eq!(body["why"], "the cluster is a reader");
    }
}

#[tokio::test]
async fn without_nodes_nothing_is_available() {
    let town = Town::new().await;
    town.plane.facts().without_nodes.insert(ireland());
    for path in ["/healthz", "/read", "/write-check"] {
        let (status, _, body) = town.get(town.region(&ireland()), path).await;
        assert_eq!((status, &body["why"]), (503, &"no node to run on".into()));
    }
    assert_eq!(town.get(town.region(&frankfurt()), "/healthz").await.0, 200);
}

#[tokio::test]
async fn a_fenced_region_reads_and_does_not_write() {
    let town = Town::new().await;
    let west = town.region(&ireland());
    assert_eq!(town.ask(west, Method::POST, "/fence").await.0, 200);
    assert!(town.product.is_fenced(&ireland()));
    assert_eq!(town.get(west, "/write-check").await.0, 503);
    assert_eq!(town.get(west, "/read").await.0, 200);
    assert!(town.plane.facts().rows.is_empty());

    assert_eq!(town.ask(west, Method::POST, "/unfence").await.0, 200);
    assert_eq!(town.get(west, "/write-check").await.0, 200);
}

#[tokio::test]
async fn a_lost_region_answers_nothing_and_drops_what_it_held_when_it_returns() {
    let town = Town::new().await;
    town.plane.facts().down.insert(ireland());
    let held = waiting(ONE, town.region(&ireland())).await;
    until("the request is held", || town.product.held(&ireland()) == 1).await;
    assert_eq!(town.get(town.region(&frankfurt()), "/healthz").await.0, 200);

    town.plane.facts().down.clear();
    assert_eq!(rest_of(held).await, "", "a held request is never answered");
    until("nothing is held", || town.product.held(&ireland()) == 0).await;
    assert_eq!(town.get(town.region(&ireland()), "/healthz").await.0, 200);
}

#[tokio::test]
async fn a_cut_path_is_lost_to_its_own_source_alone() {
    for by_network in [true, false] {
        let town = Town::new().await;
        if by_network {
            town.network.cut(TWO, Place::Region(ireland()));
        } else {
            town.plane.facts().cut.insert((TWO, ireland()));
        }
        let held = waiting(TWO, town.region(&ireland())).await;
        until("the request is held", || town.product.held(&ireland()) == 1).await;
        assert_eq!(town.get(town.region(&ireland()), "/healthz").await.0, 200);
        let elsewhere = waiting(TWO, town.region(&frankfurt())).await;
        assert!(rest_of(elsewhere).await.starts_with("HTTP/1.1 200"));
        drop(held);
        until("nothing is held", || town.product.held(&ireland()) == 0).await;
    }
}

#[tokio::test]
async fn a_client_that_gives_up_frees_its_place_while_the_region_is_still_lost() {
    let town = Town::new().await;
    town.plane.facts().down.insert(ireland());
    let short = Duration::from_millis(20);
    for path in ["/read", "/healthz"] {
        let error = exchange(ONE, town.region(&ireland()), Method::GET, path, short).await;
        assert!(matches!(error, Err(NoAnswer::Timeout(_))), "{error:?}");
    }
    until("nothing is held", || town.product.held(&ireland()) == 0).await;
}

#[tokio::test]
async fn no_more_than_its_bound_is_held_and_the_rest_is_served_after_the_return() {
    const BEYOND: usize = 10;
    let town = Town::new().await;
    town.plane.facts().down.insert(ireland());
    let mut clients = Vec::new();
    for _ in 0..MAX_CONNECTIONS + BEYOND {
        clients.push(waiting(ONE, town.region(&ireland())).await);
    }
    until("all places are taken", || {
        town.product.held(&ireland()) == MAX_CONNECTIONS
    })
    .await;
    town.plane.facts().down.clear();

    let mut served = 0;
    for client in clients {
        let answer = rest_of(client).await;
        served += usize::from(answer.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(served, BEYOND, "those that no place was left for");
    until("nothing is held", || town.product.held(&ireland()) == 0).await;
}

#[tokio::test]
async fn an_isolated_source_reaches_no_reference() {
    let town = Town::new().await;
    let references = town.product.addresses().references.clone();
    assert_eq!(references.len(), 3);
    town.network
        .isolate(TWO, [Place::Reference(0), Place::Reference(1)]);
    for (index, reference) in references.iter().enumerate() {
        assert_eq!(reference.ip().to_string(), format!("127.0.3.{}", index + 1));
        assert_eq!(town.get(*reference, "/").await.0, 200);
        let limit = if index < 2 {
            Duration::from_millis(50)
        } else {
            PATIENCE
        };
        let answer = exchange(TWO, *reference, Method::GET, "/", limit).await;
        assert_eq!(answer.is_ok(), index == 2, "reference {index}: {answer:?}");
    }
}

#[tokio::test]
async fn the_front_door_leads_where_every_way_leads() {
    let town = Town::new().await;
    let front = town.product.addresses().front;
    let (status, region, _) = town.get(front, "/write-check").await;
    assert_eq!((status, region.as_deref()), (200, Some("eu-west-1")));
    town.plane.move_to(&frankfurt());
    let (status, region, _) = town.get(front, "/write-check").await;
    assert_eq!((status, region.as_deref()), (200, Some("eu-central-1")));
    let (status, ..) = town.ask(front, Method::POST, "/write").await;
    assert_eq!(status, 200);
    assert_eq!(town.plane.facts().rows.len(), 3);
}

#[tokio::test]
async fn the_front_door_says_where_the_ways_differ() {
    let town = Town::new().await;
    let front = town.product.addresses().front;
    town.plane.facts().name = Some((frankfurt(), Millis(1)));
    let (status, region, body) = town.get(front, "/read").await;
    assert_eq!((status, region), (503, None));
    assert_eq!(
        body["why"],
        "the ways lead to different Regions: dns → eu-central-1, accelerator near eu-central-1 → \
         eu-west-1, accelerator near eu-west-1 → eu-west-1"
    );

    let (_, region, _) = town.get(front, "/read?way=dns").await;
    assert_eq!(region.as_deref(), Some("eu-central-1"));
    let path = "/read?way=accelerator&nearest=eu-central-1";
    assert_eq!(town.get(front, path).await.1.as_deref(), Some("eu-west-1"));
    assert_eq!(town.get(front, "/read?way=pigeon").await.0, 400);
}

#[tokio::test]
async fn the_front_door_says_why_there_is_no_way() {
    let town = Town::new().await;
    let front = town.product.addresses().front;
    town.plane.facts().name = None;
    let (status, _, body) = town.get(front, "/read").await;
    assert_eq!(
        (status, &body["why"]),
        (503, &"the name resolves to nothing".into())
    );

    town.plane.move_to(&ireland());
    town.plane.facts().accelerator.remove(&frankfurt());
    let (status, _, body) = town.get(front, "/read").await;
    let why = "the accelerator sends users near eu-central-1 nowhere";
    assert_eq!((status, &body["why"]), (503, &why.into()));

    town.plane.facts().name = Some(("mars-north-1".into(), Millis(1)));
    let (status, _, body) = town.get(front, "/read?way=dns").await;
    assert_eq!(
        (status, &body["why"]),
        (503, &"the product is not in mars-north-1".into())
    );

    town.plane.move_to(&ireland());
    town.plane.facts().down.insert(ireland());
    let (status, _, body) = town.get(front, "/read?way=dns").await;
    assert_eq!(status, 504);
    let why = body["why"].as_str().unwrap();
    assert!(why.starts_with("eu-west-1: no answer within"), "{why}");
}

#[tokio::test]
async fn more_regions_than_addresses_are_refused() {
    let setup = ProductSetup {
        regions: (0..100).map(|n| RegionId(format!("r{n}"))).collect(),
        references: 3,
    };
    let plane = Arc::new(FakePlane::new());
    let clock = Arc::new(TestClock { speed: 60 });
    let refused = Product::start(plane, Arc::default(), clock, setup).await;
    let error = refused.err().expect("refused").to_string();
    assert_eq!(
        error,
        "100 Regions are too many: there are addresses for 99"
    );
}

#[tokio::test]
async fn a_stopped_product_listens_no_more() {
    let town = Town::new().await;
    let west = town.region(&ireland());
    town.plane.facts().down.insert(ireland());
    let held = waiting(ONE, west).await;
    until("the request is held", || town.product.held(&ireland()) == 1).await;
    town.product.stop().await;
    assert_eq!(rest_of(held).await, "");
    let refused = exchange(ONE, west, Method::GET, "/healthz", PATIENCE).await;
    assert!(matches!(refused, Err(NoAnswer::Connect(_))), "{refused:?}");
}
