"""The production actuator against a moto server: an AWS that nobody here wrote, and that knows nothing
of failoverd. boto3 builds the world, the actuator acts on it, boto3 looks at it before and after.

moto has no Global Accelerator, no `DescribeUpdate` and no promotion of a global cluster, so those are
the sandbox's alone. Its Route 53 differs from the real one where it says so below."""

import pathlib
import socket
import subprocess
import sys
import unittest

from support import ACTIVE, STANDBY, Actuator, client, environment, until

NAME = "www.shop.example."
EPOCH_NAME = f"_failoverd.{NAME}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Moto(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        port = free_port()
        cls.url = f"http://127.0.0.1:{port}"
        command = pathlib.Path(sys.executable).with_name("moto_server")
        cls.server = subprocess.Popen(
            [command, "--host", "127.0.0.1", "--port", str(port)],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        cls.addClassCleanup(cls.stop)
        until("moto's port", lambda: cls.answers(port))

    @classmethod
    def answers(cls, port):
        if cls.server.poll() is not None:
            raise AssertionError(f"moto_server ended: {cls.server.returncode}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    @classmethod
    def stop(cls):
        cls.server.terminate()
        cls.server.wait(timeout=60)

    def boto(self, service, region=STANDBY):
        # moto answers members that the models do not know; that is not ours to judge.
        return client(self.url, service, region, judged=False)

    def actuator(self, **resources):
        actuator = Actuator(application(self.url, **resources))
        self.addCleanup(lambda: self.assertEqual(actuator.end(), 0))
        return actuator

    # Route 53

    def zone(self):
        """A fresh zone with a failover pair and the epoch of an earlier run."""
        route53 = self.boto("route53")
        # moto deletes by set identifier alone, whatever the name: one pair in each zone.
        made = route53.create_hosted_zone(Name="shop.example.", CallerReference=self.id())
        zone = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
        sets = [failover_set(ACTIVE, "PRIMARY", "192.0.2.10"),
                failover_set(STANDBY, "SECONDARY", "192.0.2.11"),
                epoch_set(6)]
        self.change(zone, "CREATE", sets)
        return zone

    def change(self, zone, action, sets):
        changes = [{"Action": action, "ResourceRecordSet": s} for s in sets]
        self.boto("route53").change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Changes": changes})

    def records(self, zone):
        sets = self.boto("route53").list_resource_record_sets(HostedZoneId=zone)
        return [s for s in sets["ResourceRecordSets"] if s["Type"] not in ("NS", "SOA")]

    def roles(self, zone):
        return {s["SetIdentifier"]: s["Failover"] for s in self.records(zone) if "Failover" in s}

    def epochs(self, zone):
        return [r["Value"] for s in self.records(zone) if s["Name"] == EPOCH_NAME
                for r in s["ResourceRecords"]]

    def test_the_flip_swaps_the_roles_and_raises_the_epoch(self):
        zone = self.zone()
        actuator = self.actuator(zone=zone)
        standing = actuator.read("read_traffic")["records"]
        self.assertEqual(len(standing), 3)
        intent = flip(zone, standing, epoch=7)
        self.assertEqual(actuator.observe(intent)["goal"], "NotMet")
        self.assertEqual(self.roles(zone), {ACTIVE: "PRIMARY", STANDBY: "SECONDARY"})
        self.assertEqual(actuator.apply(intent), "Accepted")
        self.assertEqual(self.roles(zone), {ACTIVE: "SECONDARY", STANDBY: "PRIMARY"})
        self.assertEqual(self.epochs(zone), ['"failoverd epoch=7 app=shop"'])
        # All else is as it was.
        self.assertEqual({s["SetIdentifier"]: (s["TTL"], s["ResourceRecords"])
                          for s in self.records(zone) if "Failover" in s},
                         {ACTIVE: (30, [{"Value": "192.0.2.10"}]),
                          STANDBY: (30, [{"Value": "192.0.2.11"}])})
        seen = until("the change INSYNC", lambda: met(actuator.observe(intent)))
        self.assertEqual(seen, f"PRIMARY is {STANDBY}")
        # Whoever comes later and knows of no change sees it all the same.
        self.assertEqual(self.actuator(zone=zone).observe(intent)["goal"], "Met")

    def test_the_first_flip_of_a_name_creates_its_epoch(self):
        zone = self.zone()
        self.change(zone, "DELETE", [epoch_set(6)])
        actuator = self.actuator(zone=zone)
        standing = actuator.read("read_traffic")["records"]
        self.assertEqual(len(standing), 2)
        self.assertEqual(actuator.apply(flip(zone, standing, epoch=1)), "Accepted")
        self.assertEqual(self.epochs(zone), ['"failoverd epoch=1 app=shop"'])

    def test_a_stale_plan_fails_whole(self):
        zone = self.zone()
        actuator = self.actuator(zone=zone)
        standing = actuator.read("read_traffic")["records"]
        # One of the three is not what stands there. (moto takes whatever once stood there, too:
        # so the plan froze what never did.)
        for stale in range(3):
            with self.subTest(stale=standing[stale]["name"], set=stale):
                frozen = [dict(s) for s in standing]
                frozen[stale]["ttl"] += 1
                before = self.records(zone)
                outcome = actuator.apply(flip(zone, frozen, epoch=7))
                # The real service says InvalidChangeBatch; either is a no that repeating mends not.
                self.assertEqual(outcome["Refused"]["code"], "InvalidInput")
                self.assertEqual(self.records(zone), before)

    def test_a_change_by_somebody_else_is_seen(self):
        zone = self.zone()
        actuator = self.actuator(zone=zone)
        intent = flip(zone, actuator.read("read_traffic")["records"], epoch=7)
        self.change(zone, "UPSERT", [failover_set(ACTIVE, "PRIMARY", "192.0.2.99")])
        self.assertEqual(actuator.observe(intent)["goal"]["Impossible"]["code"], "drifted")

    def test_a_newer_epoch_is_obeyed(self):
        zone = self.zone()
        actuator = self.actuator(zone=zone)
        intent = flip(zone, actuator.read("read_traffic")["records"], epoch=7)
        self.change(zone, "UPSERT", [epoch_set(8)])
        self.assertEqual(actuator.observe(intent)["goal"], {"StaleEpoch": {"seen": 8}})

    def test_without_leadership_nothing_is_sent(self):
        zone = self.zone()
        actuator = self.actuator(zone=zone)
        before = self.records(zone)
        intent = flip(zone, actuator.read("read_traffic")["records"], epoch=7)
        self.assertIn("NotSent", actuator.apply(intent, leads=False))
        self.assertEqual(self.records(zone), before)

    def test_a_zone_that_is_not_there(self):
        actuator = self.actuator(zone="ZNOWHERE")
        zone = self.zone()
        standing = self.actuator(zone=zone).read("read_traffic")["records"]
        intent = flip("ZNOWHERE", standing, epoch=7)
        goal = actuator.observe(intent)["goal"]
        self.assertEqual(goal["Impossible"]["code"], "NoSuchHostedZone")
        self.assertEqual(actuator.apply(intent)["Refused"]["code"], "NoSuchHostedZone")
        self.assertEqual(self.roles(zone), {ACTIVE: "PRIMARY", STANDBY: "SECONDARY"})

    # EKS and Auto Scaling

    def node_group(self, minimum, desired, maximum, nodes):
        """A node group, and an Auto Scaling group with that many instances: moto's EKS names one
        and makes none."""
        eks = self.boto("eks")
        cluster = self.id().rsplit(".", 1)[-1].replace("_", "-")
        role = "arn:aws:iam::123456789012:role/eks"
        eks.create_cluster(name=cluster, roleArn=role, resourcesVpcConfig={"subnetIds": []})
        group = eks.create_nodegroup(
            clusterName=cluster, nodegroupName="web", nodeRole=role, subnets=[self.subnet()],
            scalingConfig={"minSize": minimum, "desiredSize": desired, "maxSize": maximum},
        )["nodegroup"]
        scaling = self.boto("autoscaling")
        name = group["resources"]["autoScalingGroups"][0]["name"]
        image = self.boto("ec2").describe_images()["Images"][0]["ImageId"]
        scaling.create_launch_configuration(
            LaunchConfigurationName=name, ImageId=image, InstanceType="m7g.large")
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name, LaunchConfigurationName=name, MinSize=0, MaxSize=100,
            DesiredCapacity=nodes, AvailabilityZones=[f"{STANDBY}a"])
        return cluster, name

    def subnet(self):
        return self.boto("ec2").describe_subnets()["Subnets"][0]["SubnetId"]

    def sizes(self, cluster):
        group = self.boto("eks").describe_nodegroup(clusterName=cluster, nodegroupName="web")
        config = group["nodegroup"]["scalingConfig"]
        return config["minSize"], config["desiredSize"], config["maxSize"]

    def nodes_come(self, name, count):
        self.boto("autoscaling").set_desired_capacity(
            AutoScalingGroupName=name, DesiredCapacity=count)

    def test_a_node_group_grows(self):
        cluster, name = self.node_group(1, 2, 4, nodes=2)
        actuator = self.actuator(cluster=cluster)
        size = {"min": 1, "desired": 2, "max": 4, "in_service": 2}
        self.assertEqual(actuator.read({"read_capacity": STANDBY}),
                         [[{"cluster": cluster, "name": "web"}, size]])
        intent = scale(cluster, 3, 6, 8, ready=5, min_ready=4)
        self.assertEqual(actuator.observe(intent)["goal"], "NotMet")
        self.assertEqual(actuator.apply(intent), "Accepted")
        self.assertEqual(self.sizes(cluster), (3, 6, 8))
        # The sizes are there, the nodes are not: those alone count.
        seen = actuator.observe(intent)
        self.assertEqual(seen, {"goal": "UnderWay", "seen": "2 of 5 InService"})
        self.nodes_come(name, 4)
        self.assertEqual(actuator.observe(intent)["goal"], "PartlyMet")
        self.nodes_come(name, 6)
        self.assertEqual(actuator.observe(intent)["goal"], "Met")
        # Applied again it changes nothing.
        self.assertEqual(actuator.apply(intent, attempt=2), "Accepted")
        self.assertEqual(self.sizes(cluster), (3, 6, 8))

    def test_a_node_group_never_shrinks(self):
        cluster, _name = self.node_group(4, 9, 12, nodes=9)
        actuator = self.actuator(cluster=cluster)
        self.assertEqual(actuator.observe(scale(cluster, 2, 6, 8, ready=6))["goal"], "Met")
        # Only the floor is too low: the rest stays where it is.
        self.assertEqual(actuator.apply(scale(cluster, 6, 6, 8, ready=6)), "Accepted")
        self.assertEqual(self.sizes(cluster), (6, 9, 12))

    def test_a_node_group_that_is_not_there(self):
        actuator = self.actuator(cluster="nobody")
        intent = scale("nobody", 1, 2, 3, ready=2)
        goal = actuator.observe(intent)["goal"]
        self.assertEqual(goal["Impossible"]["code"], "ResourceNotFoundException")
        self.assertEqual(actuator.apply(intent)["Refused"]["code"], "ResourceNotFoundException")

    # RDS

    def global_cluster(self):
        """A global cluster with its writer in the active Region, and one in the standby."""
        name = self.id().rsplit(".", 1)[-1].replace("_", "-")
        engine = {"Engine": "aurora-postgresql", "EngineVersion": "16.6"}
        arns = {}
        self.boto("rds", ACTIVE).create_global_cluster(GlobalClusterIdentifier=name, **engine)
        for region in (ACTIVE, STANDBY):
            user = {"MasterUsername": "root", "MasterUserPassword": "hunter2hunter2"}
            made = self.boto("rds", region).create_db_cluster(
                DBClusterIdentifier=f"{name}-{region}", GlobalClusterIdentifier=name, **engine,
                **(user if region == ACTIVE else {}))
            arns[region] = made["DBCluster"]["DBClusterArn"]
        return name, arns

    def test_the_writer_of_a_global_cluster_is_told(self):
        name, arns = self.global_cluster()
        actuator = self.actuator(global_cluster=name, arns=arns)
        # Another global cluster of the account is not mistaken for it.
        self.boto("rds").create_global_cluster(
            GlobalClusterIdentifier="another", Engine="aurora-postgresql")
        self.assertEqual(actuator.observe(promote(name, arns, to=STANDBY, of=ACTIVE)),
                         {"goal": "NotMet", "seen": f"writer in {ACTIVE}"})
        self.assertEqual(actuator.observe(promote(name, arns, to=ACTIVE, of=STANDBY)),
                         {"goal": "Met", "seen": f"writer in {ACTIVE}, available"})

    def test_a_stranger_to_a_global_cluster_is_not_promoted(self):
        name, arns = self.global_cluster()
        actuator = self.actuator(global_cluster=name, arns=arns)
        wrong = arns | {STANDBY: arns[STANDBY] + "-stranger"}
        goal = actuator.observe(promote(name, wrong, to=STANDBY, of=ACTIVE))["goal"]
        self.assertEqual(goal["Impossible"]["code"], "not_a_member")

    def test_a_global_cluster_that_is_not_there(self):
        _name, arns = self.global_cluster()
        actuator = self.actuator(global_cluster="nobody", arns=arns)
        goal = actuator.observe(promote("nobody", arns, to=STANDBY, of=ACTIVE))["goal"]
        self.assertEqual(goal["Impossible"]["code"], "GlobalClusterNotFoundFault")


def met(observation):
    return observation["seen"] if observation["goal"] == "Met" else None


def failover_set(region, role, address):
    return {"Name": NAME, "Type": "A", "SetIdentifier": region, "Failover": role, "TTL": 30,
            "ResourceRecords": [{"Value": address}]}


def epoch_set(epoch):
    return {"Name": EPOCH_NAME, "Type": "TXT", "TTL": 60,
            "ResourceRecords": [{"Value": f'"failoverd epoch={epoch} app=shop"'}]}


# Intents and the application, in the types' own JSON.


def flip(zone, standing, epoch):
    """As a plan freezes it: what stands is deleted, and created with the roles changed."""
    other = {"PRIMARY": "SECONDARY", "SECONDARY": "PRIMARY"}
    create = [s | {"failover": other[s["failover"]]} for s in standing if s["failover"]]
    create.append({"name": EPOCH_NAME, "record_type": "TXT", "set_identifier": None,
                   "failover": None, "ttl": 60, "alias": None, "health_check_id": None,
                   "values": [f'"failoverd epoch={epoch} app=shop"']})
    return {"action": "route53_failover", "hosted_zone_id": zone, "primary": STANDBY,
            "delete": standing, "create": create, "epoch_name": EPOCH_NAME, "epoch": epoch}


def scale(cluster, minimum, desired, maximum, ready, min_ready=None):
    return {"action": "scale_nodegroup", "region": STANDBY, "min": minimum, "desired": desired,
            "nodegroup": {"cluster": cluster, "name": "web"}, "max": maximum, "ready": ready,
            "min_ready": min_ready}


def promote(name, arns, to, of):
    return {"action": "aurora_promote", "global_cluster": name, "target_arn": arns[to],
            "target_region": to, "source_region": of, "method": "failover_with_data_loss",
            "escalate_after": None}


def application(url, zone=None, cluster=None, global_cluster=None, arns=None):
    """`shop`, with as many resources as a test needs."""
    dns = {"hosted_zone_id": zone, "records": [{"name": NAME, "record_type": "A"}]}

    def region(name, role):
        return {"name": name, "role": role, "cold": False, "probes": [], "standby_probes": [],
                "vars": {}, "resources": {
                    "db_cluster_arn": (arns or {}).get(name), "endpoint_group_arn": None,
                    "record_set_identifier": name,
                    "nodegroups": [{"cluster": cluster, "name": "web"}] if cluster else []}}

    return {
        "name": "shop", "config": "test", "automation": "automatic", "home": ACTIVE,
        "regions": [region(ACTIVE, "active"), region(STANDBY, "standby")],
        "detection": {"region_down": "all_critical", "gossip": 1_000},
        "guards": {"agreement": "unanimous", "freshness": 15_000, "hold_down": 30_000,
                   "startup_grace": 30_000, "not_everything": True, "rpo_max": 10_000,
                   "lag_max_age": 180_000, "cool_down": 3_600_000, "brake": 2,
                   "quarantine": True, "single_vantage": "refuse", "soak": 900_000},
        "runbooks": {}, "vars": {},
        "resources": {"global_cluster": global_cluster, "accelerator_arn": None,
                      "dns": dns if zone else None, "lag_dimensions": []},
        # Ample: what is looked at here is answers, not timeouts.
        "aws": {"profile": None, "assume_role": None, "external_id": None, "endpoint_url": url,
                "call_timeout": 30_000},
    }


if __name__ == "__main__":
    unittest.main()
