"""The AWS command line, as an operator types it, against the sandbox: every operation that failoverd
uses, with a yes and with a no. Its parsers are its own; what it prints is what a person sees."""

import datetime
import json
import unittest

from support import ACTIVE, STANDBY, Sandbox, aws, until

FAR = "86400000"


class CommandLine(unittest.TestCase):
    def world(self, **settings):
        sandbox = Sandbox(**settings)
        self.addCleanup(self.close, sandbox)
        self.sandbox = sandbox
        return sandbox

    def close(self, sandbox):
        unknown = sandbox.order("unknown")
        self.assertEqual(sandbox.end(), 0)
        self.assertEqual(unknown, [])

    def yes(self, *words, **where):
        code, output, complaint = aws(self.sandbox.url, *words, **where)
        self.assertEqual(code, 0, complaint)
        return output

    def no(self, error, *words, **where):
        code, output, complaint = aws(self.sandbox.url, *words, **where)
        self.assertEqual((code, output), (255, None), complaint)
        self.assertIn(f"({error})", complaint)

    def test_route53(self):
        world = self.world(route53_serialised=int(FAR))
        # With an endpoint of one's own the command line signs for the Region it is given.
        here = {"region": "us-east-1"}
        zone = ("--hosted-zone-id", world.told["hosted_zone_id"])
        read = ("route53", "list-resource-record-sets", *zone)
        before = self.yes(*read, **here)["ResourceRecordSets"]
        self.assertEqual(len(before), 2)
        other = {"PRIMARY": "SECONDARY", "SECONDARY": "PRIMARY"}
        wanted = [s | {"Failover": other[s["Failover"]]} for s in before]
        changes = [{"Action": "DELETE", "ResourceRecordSet": s} for s in before]
        changes += [{"Action": "CREATE", "ResourceRecordSet": s} for s in wanted]
        stale = json.loads(json.dumps(changes))
        stale[0]["ResourceRecordSet"]["TTL"] = 31
        write = ("route53", "change-resource-record-sets", *zone, "--change-batch")
        self.no("InvalidChangeBatch", *write, json.dumps({"Changes": stale}), **here)
        self.assertEqual(self.yes(*read, **here)["ResourceRecordSets"], before)
        change = self.yes(*write, json.dumps({"Changes": changes}), **here)["ChangeInfo"]
        self.assertEqual(self.yes(*read, **here)["ResourceRecordSets"], wanted)
        self.no("PriorRequestNotComplete", *write, json.dumps({"Changes": changes}), **here)
        until("INSYNC", lambda: self.yes("route53", "get-change", "--id", change["Id"], **here)
              ["ChangeInfo"]["Status"] == "INSYNC")
        self.no("NoSuchChange", "route53", "get-change", "--id", "CNEVER", **here)
        self.no("NoSuchHostedZone", "route53", "list-resource-record-sets",
                "--hosted-zone-id", "ZNOWHERE", **here)

    def test_global_accelerator(self):
        world = self.world(accelerator_transaction=int(FAR))
        here = {"region": "us-west-2"}
        arn = world.regions[STANDBY]["endpoint_group_arn"]
        group = ("--endpoint-group-arn", arn)
        read = ("globalaccelerator", "describe-endpoint-group", *group)
        write = ("globalaccelerator", "update-endpoint-group", *group)
        self.assertEqual(self.yes(*read, **here)["EndpointGroup"]["TrafficDialPercentage"], 0.0)
        self.no("InvalidArgumentException", *write, "--traffic-dial-percentage", "101", **here)
        weights = f"EndpointId={world.regions[STANDBY]['endpoints'][0]},Weight=7"
        answer = self.yes(*write, "--traffic-dial-percentage", "100",
                          "--endpoint-configurations", weights, **here)["EndpointGroup"]
        self.assertEqual(answer["TrafficDialPercentage"], 100.0)
        self.assertEqual([e["Weight"] for e in answer["EndpointDescriptions"]], [7])
        self.no("TransactionInProgressException", *write, "--traffic-dial-percentage", "0", **here)
        accelerator = ("--accelerator-arn", world.told["accelerator_arn"])
        status = lambda: self.yes("globalaccelerator", "describe-accelerator", *accelerator,
                                  **here)["Accelerator"]["Status"]
        until("DEPLOYED", lambda: status() == "DEPLOYED")
        self.no("EndpointGroupNotFoundException", "globalaccelerator", "describe-endpoint-group",
                "--endpoint-group-arn", arn + "ffff", **here)
        # There is no such service in other Regions.
        self.no("UnrecognizedClientException", *read, region=STANDBY)

    def test_rds(self):
        world = self.world()
        name = ("--global-cluster-identifier", world.told["global_cluster"])
        read = ("rds", "describe-global-clusters", *name)
        target = (*name, "--target-db-cluster-identifier", world.regions[STANDBY]["db_cluster_arn"])
        back = (*name, "--target-db-cluster-identifier", world.regions[ACTIVE]["db_cluster_arn"])
        writer = lambda: [m["DBClusterArn"].split(":")[3]
                          for c in self.yes(*read)["GlobalClusters"]
                          for m in c["GlobalClusterMembers"] if m["IsWriter"]]
        settled = lambda: "FailoverState" not in self.yes(*read)["GlobalClusters"][0]
        self.assertEqual(writer(), [ACTIVE])
        self.no("InvalidGlobalClusterStateFault", "rds", "switchover-global-cluster", *target)
        self.yes("rds", "switchover-global-cluster", *target, region=ACTIVE)
        until("the switchover", lambda: writer() == [STANDBY] and settled())
        self.yes("rds", "failover-global-cluster", *back, "--allow-data-loss", region=ACTIVE)
        until("the failover", lambda: writer() == [ACTIVE] and settled())
        self.no("InvalidGlobalClusterStateFault", "rds", "failover-global-cluster", *back,
                "--allow-data-loss", region=ACTIVE)
        cluster = ("rds", "describe-db-clusters", "--db-cluster-identifier")
        there = self.yes(*cluster, world.regions[ACTIVE]["db_cluster_id"], region=ACTIVE)
        self.assertEqual([c["Status"] for c in there["DBClusters"]], ["available"])
        self.no("DBClusterNotFoundFault", *cluster, "nobody")
        self.no("GlobalClusterNotFoundFault", "rds", "describe-global-clusters",
                "--global-cluster-identifier", "nobody")

    def test_eks_and_autoscaling(self):
        world = self.world(eks_update=600_000)
        group = ("--cluster-name", world.regions[STANDBY]["eks_cluster"],
                 "--nodegroup-name", "web")
        read = ("eks", "describe-nodegroup", *group)
        write = ("eks", "update-nodegroup-config", *group, "--scaling-config")
        self.no("InvalidParameterException", *write, "minSize=5,desiredSize=4,maxSize=6")
        update = self.yes(*write, "minSize=3,desiredSize=4,maxSize=6")["update"]
        self.assertEqual(update["status"], "InProgress")
        self.no("ResourceInUseException", *write, "minSize=3,desiredSize=5,maxSize=6")
        self.assertEqual(self.yes("eks", "describe-update", "--name", group[1],
                                  "--nodegroup-name", "web", "--update-id", update["id"])
                         ["update"]["id"], update["id"])
        told = self.yes(*read)["nodegroup"]
        self.assertEqual(told["scalingConfig"], {"minSize": 3, "desiredSize": 4, "maxSize": 6})
        names = [g["name"] for g in told["resources"]["autoScalingGroups"]]
        ask = ("autoscaling", "describe-auto-scaling-groups", "--auto-scaling-group-names")
        ready = lambda: [i for g in self.yes(*ask, *names)["AutoScalingGroups"]
                         for i in g["Instances"] if i["LifecycleState"] == "InService"]
        until("four nodes", lambda: len(ready()) == 4)
        self.assertEqual(self.yes(*ask, "nobody"), {"AutoScalingGroups": []})
        self.no("ResourceNotFoundException", "eks", "describe-nodegroup", "--cluster-name",
                "nobody", "--nodegroup-name", "web")
        with world.fault("throttle", service="auto_scaling"):
            self.no("Throttling", *ask, *names)

    def test_cloudwatch(self):
        world = self.world()
        now = datetime.datetime.now(datetime.timezone.utc)
        ask = ("cloudwatch", "get-metric-statistics", "--namespace", "AWS/RDS",
               "--metric-name", "AuroraGlobalDBRPOLag", "--statistics", "Maximum",
               "--start-time", (now - datetime.timedelta(minutes=10)).isoformat(),
               "--end-time", now.isoformat(), "--dimensions",
               f"Name=DBClusterIdentifier,Value={world.regions[STANDBY]['db_cluster_id']}")
        points = self.yes(*ask, "--period", "60")["Datapoints"]
        self.assertGreaterEqual(len(points), 5)
        self.assertEqual({p["Unit"] for p in points}, {"Milliseconds"})
        self.assertEqual(self.yes(*ask, "--period", "60", region=ACTIVE)["Datapoints"], [])
        self.no("InvalidParameterValue", *ask, "--period", "61")

    def test_sts(self):
        self.world()
        self.assertEqual(self.yes("sts", "get-caller-identity")["Account"], "123456789012")
        role = "arn:aws:iam::123456789012:role/failover"
        ask = ("sts", "assume-role", "--role-session-name", "failoverd", "--external-id", "shake",
               "--role-arn")
        self.assertTrue(self.yes(*ask, role)["Credentials"]["SessionToken"])
        self.no("ValidationError", *ask, role.replace(":role/", ":user/"))
        token = ("sts", "assume-role-with-web-identity", "--role-session-name", "failoverd",
                 "--web-identity-token", "a.b.c.d.e.f.g", "--role-arn")
        self.assertTrue(self.yes(*token, role)["Credentials"]["SessionToken"])
        self.no("ValidationError", *token, role.replace(":role/", ":user/"))


if __name__ == "__main__":
    unittest.main()
