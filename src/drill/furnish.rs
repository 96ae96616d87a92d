//! Each member's own `failoverd.toml`, made from the world it will watch: the same text that a user
//! would write, read by the same loader.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::model::{Automation, MemberId, Millis, RegionId, RunKind};
use crate::sandbox::product::ProductAddresses;
use crate::sandbox::{RoutingSetup, SandboxSetup};

use super::fleet;
use super::scenario::{AppOverrides, Places};

/// The application's name in every drill.
pub(super) const APP: &str = "shop";

/// A soak that ends at the verification: the drill has shown what it is for by then.
const SOAK: Millis = Millis::from_secs(1);

/// Its own address, where it does not call itself: its port is taken before it starts.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// What the text is made of.
pub(super) struct Furniture<'a> {
    pub setup: &'a SandboxSetup,
    pub addresses: &'a ProductAddresses,
    pub places: &'a Places,
    /// Whose it is.
    pub me: &'a RegionId,
    /// Where every member is at home; each is called by its Region.
    pub members: &'a [RegionId],
    /// Where this one finds the others.
    pub others: &'a BTreeMap<MemberId, SocketAddr>,
    pub runbook: &'a str,
    /// What that runbook is for; the other kinds of runs have the default one.
    pub kinds: &'a BTreeSet<RunKind>,
    pub overrides: &'a AppOverrides,
    pub data_dir: &'a Path,
    pub endpoint_url: &'a str,
    /// World time of the ledger's lease: at a fast world's pace a lease of three seconds would be
    /// shorter than this host's hiccups.
    pub lease: Millis,
}

impl Furniture<'_> {
    /// The text.
    pub fn config(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "[node]\nid = \"{}\"\ndata_dir = \"{}\"\n",
            self.me,
            self.data_dir.display()
        )?;
        for region in self.members {
            let address = self.others.get(&MemberId::from(region.as_str())).copied();
            writeln!(
                out,
                "[[member]]\nid = \"{region}\"\nregion = \"{region}\"\naddress = \"{}\"\n",
                address.unwrap_or(NOBODY)
            )?;
        }
        writeln!(out, "[tls]\ninsecure = true\n")?;
        writeln!(
            out,
            "[cluster]\nheartbeat = \"{}ms\"\nelection_min = \"{}ms\"\nelection_max = \"{}ms\"\n",
            self.lease.0 / 4,
            self.lease.0 / 2,
            self.lease.0
        )?;
        writeln!(out, "[aws]\nendpoint_url = \"{}\"\n", self.endpoint_url)?;
        for (index, address) in self.addresses.references.iter().enumerate() {
            writeln!(
                out,
                "[[detection.reference]]\nid = \"reference-{index}\"\nkind = \"http\"\n\
                 url = \"http://{address}/\"\n"
            )?;
        }
        self.write_app(out)?;
        for region in &self.setup.regions {
            writeln!(
                out,
                "[[application.drill_alarm]]\nregion = \"{}\"\nname = \"{}\"\n",
                region.name, region.alarm
            )?;
        }
        for region in &self.setup.regions {
            self.write_region(out, &region.name)?;
        }
        fleet::write(out, self, self.overrides.fleet)
    }

    fn write_app(&self, out: &mut String) -> std::fmt::Result {
        let (setup, overrides) = (self.setup, self.overrides);
        let automation = match overrides.automation.unwrap_or(Automation::Automatic) {
            Automation::Automatic => "automatic",
            Automation::Ask => "ask",
        };
        writeln!(
            out,
            "[[application]]\nname = \"{APP}\"\nautomation = \"{automation}\"\n\
             accelerator_arn = \"{}\"",
            setup.accelerator.arn
        )?;
        if overrides.database {
            writeln!(
                out,
                "global_cluster = \"{}\"",
                setup.database.global_cluster
            )?;
        }
        writeln!(
            out,
            "\n[application.dns]\nhosted_zone_id = \"{}\"\nrecords = [{{ name = \"{}\", type = \"{}\" }}]\n",
            setup.dns.hosted_zone_id,
            setup.dns.record_name.trim_end_matches('.'),
            setup.dns.record_type
        )?;
        if overrides.weighted_records {
            writeln!(out, "routing = \"weighted\"\n")?;
        }
        if let Some(routing) = &setup.routing {
            let endpoints = routing.endpoints.iter().map(|region| {
                let url = RoutingSetup::endpoint_url(region);
                format!("  {{ region = \"{region}\", url = \"{url}\" }},\n")
            });
            let endpoints: String = endpoints.collect();
            writeln!(
                out,
                "[application.routing_controls]\nendpoints = [\n{endpoints}]\n"
            )?;
        }
        writeln!(out, "[application.runbooks]")?;
        for kind in self.kinds {
            writeln!(out, "{kind} = \"{}\"", self.runbook)?;
        }
        writeln!(out, "\n[application.guards]")?;
        let soak = overrides.soak.unwrap_or(SOAK);
        writeln!(out, "soak = \"{}ms\"", soak.0)?;
        let lengths = [
            ("rpo_max", overrides.rpo_max),
            ("hold_down", overrides.hold_down),
            ("cool_down", overrides.cool_down),
        ];
        for (key, length) in lengths {
            if let Some(length) = length {
                writeln!(out, "{key} = \"{}ms\"", length.0)?;
            }
        }
        // Where several Regions serve, the ways in lead to several: the one that is asked for is that
        // of the users near home.
        let way = if overrides.side_by_side {
            format!("?way=accelerator&nearest={}", self.places.home)
        } else {
            String::new()
        };
        writeln!(
            out,
            "\n[application.vars]\nwrite_check_url = \"{}\"\nread_check_url = \"{}\"\n",
            self.addresses.front_url(&format!("/write-check{way}")),
            self.addresses.front_url("/read")
        )
    }

    fn write_region(&self, out: &mut String, name: &RegionId) -> std::fmt::Result {
        let side_by_side = self.overrides.side_by_side;
        let role = if side_by_side || name == &self.places.home {
            "active"
        } else {
            "standby"
        };
        let url = |path: &str| self.addresses.region_url(name, path).unwrap_or_default();
        writeln!(
            out,
            "[[application.region]]\nname = \"{name}\"\nrole = \"{role}\""
        )?;
        if side_by_side {
            // What is left of a hundred goes to the first.
            let others = self.setup.regions.len() - 1;
            let each = 100 / self.setup.regions.len();
            let own = if name == &self.places.home {
                100 - each * others
            } else {
                each
            };
            writeln!(out, "share = {own}")?;
        }
        if self.overrides.cold_standby && name == &self.places.standby {
            writeln!(out, "cold = true")?;
        }
        let Some(region) = self.setup.region(name) else {
            return Ok(());
        };
        if self.overrides.database {
            writeln!(out, "db_cluster_arn = \"{}\"", region.db_cluster_arn())?;
        }
        let named =
            self.setup.dns.records.iter().any(|record| {
                record.set_identifier.as_ref() == Some(&region.record_set_identifier)
            });
        if named {
            writeln!(
                out,
                "record_set_identifier = \"{}\"",
                region.record_set_identifier
            )?;
        }
        let routing = self.setup.routing.as_ref();
        if let Some(arn) = routing.and_then(|routing| routing.control_arn(name)) {
            writeln!(out, "routing_control_arn = \"{arn}\"")?;
        }
        writeln!(
            out,
            "endpoint_group_arn = \"{}\"\nvars = {{ fence_url = \"{}\", health_url = \"{}\", \
             db_check_url = \"{}\", unfence_url = \"{}\" }}\n",
            region.endpoint_group_arn,
            url("/fence"),
            url("/healthz"),
            url("/write-check"),
            url("/unfence")
        )?;
        // The first is the product's own; the others are the fleet's.
        for nodegroup in region.nodegroup_refs().into_iter().take(1) {
            writeln!(
                out,
                "[[application.region.nodegroup]]\ncluster = \"{}\"\nname = \"{}\"",
                nodegroup.cluster, nodegroup.name
            )?;
            if side_by_side {
                writeln!(out, "peak = {}", self.overrides.peak)?;
            }
            writeln!(out)?;
        }
        writeln!(
            out,
            "[[application.region.probe]]\nid = \"health\"\nkind = \"http\"\nurl = \"{}\"\n",
            url("/healthz")
        )?;
        writeln!(
            out,
            "[[application.region.probe]]\nid = \"read\"\nkind = \"http\"\nurl = \"{}\"\n",
            url("/read")
        )
    }
}
