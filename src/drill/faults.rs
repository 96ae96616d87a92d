//! What a scenario's fault is to the emulated world.

use crate::sandbox::{Fault, SandboxSetup, Service};

use super::scenario::{AwsService, FaultSpec, LostReply, Place, Places};

/// The sandbox's own faults behind a scenario's; none where it is not the world that fails.
pub(super) fn of_world(spec: &FaultSpec, places: &Places, setup: &SandboxSetup) -> Vec<Fault> {
    let region = |place: &Place| places.region(place).clone();
    match spec {
            // The network's.
            FaultSpec::PathCut { .. } | FaultSpec::VantageIsolated { .. }
            // A gate's.
            | FaultSpec::CallHeld { .. }
            // The members'.
            | FaultSpec::MemberKilled { .. }
            | FaultSpec::MemberFrozen { .. }
            | FaultSpec::MemberPartitioned { .. }
            | FaultSpec::MembersPartitioned {}
            | FaultSpec::AwsUnreachable { .. }
            | FaultSpec::ClockStepped { .. }
            | FaultSpec::ConfigDrifted { .. } => Vec::new(),
            FaultSpec::RegionDown { region: of } => vec![Fault::RegionDown { region: region(of) }],
            FaultSpec::ControlPlaneGone { region: of } => {
                vec![Fault::ControlPlaneGone { region: region(of) }]
            }
            FaultSpec::Throttle {
                service,
                percent,
                times,
            } => {
                let services = match service {
                    Some(service) => vec![of_aws(*service)],
                    None => Service::ALL.to_vec(),
                };
                services
                    .into_iter()
                    .map(|service| Fault::Throttle {
                        service,
                        percent: percent.0,
                        times: *times,
                    })
                    .collect()
            }
            FaultSpec::LoseReply {
                service,
                operation,
                times,
                how,
            } => vec![Fault::LoseReply {
                service: of_aws(*service),
                operation: operation.clone(),
                times: *times,
                how: match how {
                    LostReply::Reset => crate::sandbox::LostReply::Reset,
                    LostReply::Silence => crate::sandbox::LostReply::Silence,
                },
            }],
            FaultSpec::HangControlPlane {
                service,
                region: of,
            } => vec![Fault::HangControlPlane {
                service: service.map(of_aws),
                region: of.as_ref().map(region),
            }],
            FaultSpec::FailControlPlane { service, status } => vec![Fault::FailControlPlane {
                service: of_aws(*service),
                status: *status,
                code: None,
            }],
            FaultSpec::PromotionStuck {} => vec![Fault::PromotionStuck],
            FaultSpec::NoCapacity {
                region: of,
                at_most,
            } => vec![Fault::NoCapacity {
                region: region(of),
                at_most: *at_most,
            }],
            FaultSpec::NoInstances { region: of } => {
                vec![Fault::NoInstances { region: region(of) }]
            }
            FaultSpec::RoutingGateShut {} => vec![Fault::RoutingGateShut],
            FaultSpec::Lag { lag } => vec![Fault::Lag { lag: *lag }],
            FaultSpec::LagUnknown {} => vec![Fault::LagUnknown],
            FaultSpec::AlarmRaised { region: of } => {
                vec![Fault::AlarmRaised { region: region(of) }]
            }
            FaultSpec::WriterUnfenced { region: of } => {
                vec![Fault::WriterUnfenced { region: region(of) }]
            }
            FaultSpec::RecordChanged {
                ttl,
                just_before_the_batch,
            } => {
                let (name, ttl) = (setup.dns.record_name.clone(), *ttl);
                vec![if *just_before_the_batch {
                    Fault::RecordRaced { name, ttl }
                } else {
                    Fault::RecordChangedBy { name, ttl }
                }]
            }
            FaultSpec::DialChanged {
                region: of,
                percent,
            } => vec![Fault::DialChangedBy {
                region: region(of),
                percent: percent.0,
            }],
        }
}

/// The service of that name.
pub(super) fn of_aws(service: AwsService) -> Service {
    match service {
        AwsService::Route53 => Service::Route53,
        AwsService::GlobalAccelerator => Service::GlobalAccelerator,
        AwsService::Rds => Service::Rds,
        AwsService::Eks => Service::Eks,
        AwsService::AutoScaling => Service::AutoScaling,
        AwsService::CloudWatch => Service::CloudWatch,
        AwsService::Sts => Service::Sts,
        AwsService::RoutingControl => Service::RoutingControl,
    }
}
