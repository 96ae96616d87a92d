//! What was recorded of the world, each with its age.

use std::fmt;

use super::applications::states;
use super::family::{Gauges, secs, truth};
use crate::daemon::snapshot::Snapshot;
use crate::model::{Application, LagSample, NodegroupSize, Seen};

pub(super) fn encode(
    out: &mut Gauges<'_, '_>,
    snapshot: &Snapshot,
    applications: &[Application],
) -> fmt::Result {
    let now = snapshot.at.wall;
    let lags = || {
        states(snapshot).flat_map(|(app, state)| {
            state.lag.iter().filter_map(move |(region, samples)| {
                let newest: &LagSample = samples.last()?;
                Some((
                    vec![("application", app.as_str()), ("region", region.as_str())],
                    newest,
                ))
            })
        })
    };
    out.seconds(
        "replication_lag",
        "The newest replication lag recorded of a secondary, in world time",
        lags().map(|(labels, newest)| (labels, secs(newest.lag))),
    )?;
    out.seconds(
        "replication_lag_age",
        "How old the newest recorded replication lag is, in world time",
        lags().map(|(labels, newest)| (labels, secs(now.since(newest.at)))),
    )?;

    let groups = || {
        states(snapshot).flat_map(|(app, state)| {
            state.capacity.iter().flat_map(move |(region, groups)| {
                groups.iter().map(move |(name, seen)| {
                    let labels = vec![
                        ("application", app.as_str()),
                        ("region", region.as_str()),
                        ("nodegroup", name.as_str()),
                    ];
                    (labels, seen)
                })
            })
        })
    };
    type Figure = fn(&NodegroupSize) -> u32;
    let figures: [(&str, &str, Figure); 4] = [
        (
            "nodegroup_min_nodes",
            "The recorded lower bound of a node group",
            |size| size.min,
        ),
        (
            "nodegroup_desired_nodes",
            "The recorded wanted size of a node group",
            |size| size.desired,
        ),
        (
            "nodegroup_max_nodes",
            "The recorded upper bound of a node group",
            |size| size.max,
        ),
        (
            "nodegroup_in_service_nodes",
            "The recorded count of InService instances of a node group",
            |size| size.in_service,
        ),
    ];
    for (name, help, figure) in figures {
        out.plain(
            name,
            help,
            groups().map(|(labels, seen): (_, &Seen<NodegroupSize>)| {
                (labels, f64::from(figure(&seen.value)))
            }),
        )?;
    }
    out.seconds(
        "nodegroup_age",
        "How old the recorded size of a node group is, in world time",
        groups().map(|(labels, seen)| (labels, secs(now.since(seen.at)))),
    )?;

    out.plain(
        "traffic_dial_ratio",
        "The recorded traffic dial of a Region, 0 to 1",
        states(snapshot).flat_map(|(app, state)| {
            let groups = state.traffic.iter().flat_map(|seen| &seen.value.groups);
            groups.map(move |(region, group)| {
                (
                    vec![("application", app.as_str()), ("region", region.as_str())],
                    f64::from(group.dial_percent) / 100.0,
                )
            })
        }),
    )?;
    out.plain(
        "steer_open",
        "Whether this member tells health checks that a Region serves",
        applications.iter().flat_map(|app| {
            let known = snapshot.state.apps.get(&app.name);
            app.regions.iter().filter_map(move |region| {
                let steered = app.steered(known, &region.name)?;
                Some((
                    vec![
                        ("application", app.name.as_str()),
                        ("region", region.name.as_str()),
                    ],
                    truth(steered.open),
                ))
            })
        }),
    )?;
    out.seconds(
        "traffic_age",
        "How old the recorded dials and records of an application are, in world time",
        states(snapshot).filter_map(|(app, state)| {
            let seen = state.traffic.as_ref()?;
            Some((
                vec![("application", app.as_str())],
                secs(now.since(seen.at)),
            ))
        }),
    )
}
