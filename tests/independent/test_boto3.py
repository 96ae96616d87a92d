"""boto3 reads and writes the sandbox: every operation that failoverd uses, in its own words, answered
with a yes and with a no. boto3 knows the protocols from Amazon's own service models."""

import datetime
import unittest

from botocore.exceptions import ConnectionClosedError

from support import ACTIVE, STANDBY, Sandbox, client, refusal, until

# What the production code calls. Each must have been executed and refused at least once.
USED = {
    ("route53", "ListResourceRecordSets"),
    ("route53", "ChangeResourceRecordSets"),
    ("route53", "GetChange"),
    ("route53", "GetHealthCheck"),
    ("route53", "GetHealthCheckStatus"),
    ("global_accelerator", "DescribeEndpointGroup"),
    ("global_accelerator", "UpdateEndpointGroup"),
    ("global_accelerator", "DescribeAccelerator"),
    ("rds", "DescribeGlobalClusters"),
    ("rds", "DescribeDBClusters"),
    ("rds", "DescribeDBInstances"),
    ("rds", "DescribeDBClusterSnapshots"),
    ("rds", "SwitchoverGlobalCluster"),
    ("rds", "FailoverGlobalCluster"),
    ("rds", "RemoveFromGlobalCluster"),
    ("eks", "DescribeNodegroup"),
    ("eks", "UpdateNodegroupConfig"),
    ("auto_scaling", "DescribeAutoScalingGroups"),
    ("cloud_watch", "GetMetricStatistics"),
    ("cloud_watch", "DescribeAlarms"),
    ("iam", "SimulatePrincipalPolicy"),
    ("sts", "AssumeRole"),
    ("sts", "GetCallerIdentity"),
    ("sts", "AssumeRoleWithWebIdentity"),
}

# What CloudWatch is modelled with; the first is what boto3 prefers today.
PROTOCOLS = ("json", "smithy-rpc-v2-cbor", "query")

# Longer than any test: what is under way stays so.
AGES_MS = 86_400_000


class Boto3(unittest.TestCase):
    """Each test has a world of its own."""

    executed = set()
    refused = set()
    # Requests that a test makes knowing that the sandbox does not know them.
    unknown = 0

    def world(self, **settings):
        sandbox = Sandbox(**settings)
        self.addCleanup(self.close, sandbox)
        return sandbox

    def close(self, sandbox):
        unknown = sandbox.order("unknown")
        for request in sandbox.order("requests"):
            name = (request["service"], request["operation"])
            if request["execution"] == "executed":
                Boto3.executed.add(name)
            elif isinstance(request["execution"], dict):
                Boto3.refused.add(name)
        self.assertEqual(sandbox.end(), 0)
        self.assertEqual(len(unknown), self.unknown, unknown)

    @classmethod
    def tearDownClass(cls):
        # With `-k` only some tests ran, and not all can have been seen.
        if cls.ran < cls.all_tests():
            return
        for what, seen in (("executed", cls.executed), ("refused", cls.refused)):
            if missing := USED - seen:
                raise AssertionError(f"never {what}: {sorted(missing)}")

    ran = 0

    @classmethod
    def all_tests(cls):
        return len(unittest.defaultTestLoader.getTestCaseNames(cls))

    def setUp(self):
        Boto3.ran += 1

    # Route 53

    def test_route53_reads(self):
        world = self.world()
        route53 = client(world.url, "route53")
        sets = record_sets(route53, world)
        self.assertEqual([s["Failover"] for s in sets], ["SECONDARY", "PRIMARY"])
        primary = sets[1]
        self.assertEqual(primary["Name"], world.told["record_name"])
        self.assertEqual(primary["SetIdentifier"], ACTIVE)
        self.assertEqual(primary["TTL"], 30)
        self.assertEqual(primary["ResourceRecords"], [{"Value": "192.0.2.10"}])
        self.assertEqual(primary["HealthCheckId"], world.regions[ACTIVE]["health_check_id"])
        zone = route53.get_hosted_zone(Id=world.told["hosted_zone_id"])["HostedZone"]
        self.assertEqual(zone["Name"], world.told["zone_name"])
        self.assertEqual(zone["ResourceRecordSetCount"], 2)
        check = route53.get_health_check(HealthCheckId=primary["HealthCheckId"])["HealthCheck"]
        self.assertIs(check["HealthCheckConfig"]["Disabled"], False)
        self.assertEqual(len(route53.list_health_checks()["HealthChecks"]), 2)

    def test_route53_pages(self):
        world = self.world()
        route53 = client(world.url, "route53")
        pages = route53.get_paginator("list_resource_record_sets").paginate(
            HostedZoneId=world.told["hosted_zone_id"], PaginationConfig={"PageSize": 1}
        )
        pages = [page["ResourceRecordSets"] for page in pages]
        self.assertEqual([len(page) for page in pages], [1, 1])
        self.assertNotEqual(pages[0], pages[1])

    def test_route53_swaps_in_one_batch_and_only_once(self):
        world = self.world()
        route53 = client(world.url, "route53")
        before = record_sets(route53, world)
        batch = swap(before, world.told["record_name"], epoch=1)
        change = route53.change_resource_record_sets(**zone(world), ChangeBatch=batch)["ChangeInfo"]
        self.assertEqual(change["Status"], "PENDING")
        self.assertIsInstance(change["SubmittedAt"], datetime.datetime)
        after = record_sets(route53, world)
        self.assertEqual({s["SetIdentifier"]: s["Failover"] for s in after if "Failover" in s},
                         {ACTIVE: "SECONDARY", STANDBY: "PRIMARY"})
        epochs = [s for s in after if s["Type"] == "TXT"]
        self.assertEqual([s["ResourceRecords"] for s in epochs],
                         [[{"Value": '"failoverd epoch=1 app=shop"'}]])
        until("INSYNC", lambda: in_sync(route53, change))
        route53.get_waiter("resource_record_sets_changed").wait(
            Id=change["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        # The very same batch is stale now, and fails whole.
        code = refusal(route53.change_resource_record_sets, **zone(world), ChangeBatch=batch)
        self.assertEqual(code, ("InvalidChangeBatch", 400))
        self.assertEqual(record_sets(route53, world), after)

    def test_route53_refuses(self):
        world = self.world(route53_serialised=AGES_MS)
        route53 = client(world.url, "route53")
        change = route53.change_resource_record_sets
        nowhere = {"HostedZoneId": "ZNOWHERE"}
        batch = swap(record_sets(route53, world), world.told["record_name"], epoch=1)
        no_zone = ("NoSuchHostedZone", 404)
        self.assertEqual(refusal(route53.list_resource_record_sets, **nowhere), no_zone)
        self.assertEqual(refusal(change, **nowhere, ChangeBatch=batch), no_zone)
        self.assertEqual(refusal(route53.get_hosted_zone, Id="ZNOWHERE"), no_zone)
        self.assertEqual(refusal(route53.get_change, Id="CNEVER"), ("NoSuchChange", 404))
        self.assertEqual(refusal(route53.get_health_check, HealthCheckId="none"),
                         ("NoSuchHealthCheck", 404))
        no_ttl = {"Name": "x.shop.example.", "Type": "A",
                  "ResourceRecords": [{"Value": "192.0.2.1"}]}
        create = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": no_ttl}]}
        self.assertEqual(refusal(change, **zone(world), ChangeBatch=create), ("InvalidInput", 400))
        elsewhere = no_ttl | {"Name": "x.elsewhere.example.", "TTL": 1}
        create = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": elsewhere}]}
        self.assertEqual(refusal(change, **zone(world), ChangeBatch=create),
                         ("InvalidChangeBatch", 400))
        change(**zone(world), ChangeBatch=batch)
        self.assertEqual(refusal(change, **zone(world), ChangeBatch=batch),
                         ("PriorRequestNotComplete", 400))

    # Global Accelerator

    def test_accelerator_reads(self):
        world = self.world()
        accelerator = client(world.url, "globalaccelerator")
        group = describe_group(accelerator, world, STANDBY)
        self.assertEqual(group["EndpointGroupRegion"], STANDBY)
        self.assertEqual(group["TrafficDialPercentage"], 0.0)
        self.assertIsInstance(group["TrafficDialPercentage"], float)
        self.assertEqual([(e["Weight"], e["HealthState"], e["ClientIPPreservationEnabled"])
                          for e in group["EndpointDescriptions"]], [(128, "HEALTHY", True)])
        whole = accelerator.describe_accelerator(AcceleratorArn=world.told["accelerator_arn"])
        self.assertEqual(whole["Accelerator"]["Status"], "DEPLOYED")
        self.assertIsInstance(whole["Accelerator"]["CreatedTime"], datetime.datetime)
        listeners = accelerator.list_listeners(AcceleratorArn=world.told["accelerator_arn"])
        arn = listeners["Listeners"][0]["ListenerArn"]
        self.assertEqual(arn, world.told["listener_arn"])
        groups = accelerator.list_endpoint_groups(ListenerArn=arn)["EndpointGroups"]
        self.assertEqual([g["EndpointGroupRegion"] for g in groups], [ACTIVE, STANDBY])

    def test_accelerator_turns_a_dial_and_nothing_else(self):
        world = self.world()
        accelerator = client(world.url, "globalaccelerator")
        before = describe_group(accelerator, world, STANDBY)
        answer = accelerator.update_endpoint_group(
            EndpointGroupArn=before["EndpointGroupArn"], TrafficDialPercentage=40.0
        )
        self.assertEqual(answer["EndpointGroup"]["TrafficDialPercentage"], 40.0)
        arn = world.told["accelerator_arn"]
        status = lambda: accelerator.describe_accelerator(AcceleratorArn=arn)["Accelerator"]["Status"]
        until("DEPLOYED", lambda: status() == "DEPLOYED")
        self.assertEqual(describe_group(accelerator, world, STANDBY),
                         before | {"TrafficDialPercentage": 40.0})

    def test_accelerator_sets_a_weight(self):
        world = self.world()
        accelerator = client(world.url, "globalaccelerator")
        before = describe_group(accelerator, world, ACTIVE)
        accelerator.update_endpoint_group(
            EndpointGroupArn=before["EndpointGroupArn"],
            EndpointConfigurations=[
                {"EndpointId": e["EndpointId"], "Weight": 0,
                 "ClientIPPreservationEnabled": e["ClientIPPreservationEnabled"]}
                for e in before["EndpointDescriptions"]
            ],
        )
        after = describe_group(accelerator, world, ACTIVE)
        self.assertEqual([e["Weight"] for e in after["EndpointDescriptions"]], [0])
        self.assertEqual(after["TrafficDialPercentage"], before["TrafficDialPercentage"])

    def test_accelerator_refuses(self):
        world = self.world(accelerator_transaction=AGES_MS, accelerator_deploy=AGES_MS)
        accelerator = client(world.url, "globalaccelerator")
        update = accelerator.update_endpoint_group
        arn = world.regions[STANDBY]["endpoint_group_arn"]
        nowhere = arn + "ffff"
        no_group = ("EndpointGroupNotFoundException", 400)
        self.assertEqual(refusal(accelerator.describe_endpoint_group, EndpointGroupArn=nowhere),
                         no_group)
        self.assertEqual(refusal(update, EndpointGroupArn=nowhere, TrafficDialPercentage=1.0),
                         no_group)
        self.assertEqual(
            refusal(accelerator.describe_accelerator, AcceleratorArn=nowhere),
            ("AcceleratorNotFoundException", 400))
        self.assertEqual(refusal(accelerator.list_endpoint_groups, ListenerArn=nowhere),
                         ("ListenerNotFoundException", 400))
        invalid = ("InvalidArgumentException", 400)
        for dial in (101.0, 100.5):
            self.assertEqual(refusal(update, EndpointGroupArn=arn, TrafficDialPercentage=dial),
                             invalid)
        heavy = [{"EndpointId": world.regions[STANDBY]["endpoints"][0], "Weight": 256}]
        self.assertEqual(refusal(update, EndpointGroupArn=arn, EndpointConfigurations=heavy),
                         invalid)
        update(EndpointGroupArn=arn, TrafficDialPercentage=100.0)
        self.assertEqual(refusal(update, EndpointGroupArn=arn, TrafficDialPercentage=50.0),
                         ("TransactionInProgressException", 400))
        self.assertEqual(describe_group(accelerator, world, STANDBY)["TrafficDialPercentage"], 100)
        whole = accelerator.describe_accelerator(AcceleratorArn=world.told["accelerator_arn"])
        self.assertEqual(whole["Accelerator"]["Status"], "IN_PROGRESS")

    # RDS

    def test_rds_reads_the_same_everywhere(self):
        world = self.world()
        seen = [describe_global(world, region) for region in (ACTIVE, STANDBY)]
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(seen[0]["Status"], "available")
        self.assertNotIn("FailoverState", seen[0])
        self.assertEqual(writers(world), [ACTIVE])
        members = seen[0]["GlobalClusterMembers"]
        self.assertEqual([m["Readers"] for m in members],
                         [[world.regions[STANDBY]["db_cluster_arn"]], []])
        cluster = describe_cluster(world, STANDBY)
        self.assertEqual(cluster["Status"], "available")
        self.assertEqual(cluster["DBClusterArn"], world.regions[STANDBY]["db_cluster_arn"])
        # A cluster is known in its own Region only.
        self.assertEqual(
            refusal(client(world.url, "rds", STANDBY).describe_db_clusters,
                    DBClusterIdentifier=world.regions[ACTIVE]["db_cluster_id"]),
            ("DBClusterNotFoundFault", 404))
        rds = client(world.url, "rds", STANDBY)
        own = [{"Name": "db-cluster-id", "Values": [cluster["DBClusterArn"]]}]
        self.assertEqual(len(rds.describe_global_clusters(Filters=own)["GlobalClusters"]), 1)
        self.assertEqual(len(rds.describe_db_clusters()["DBClusters"]), 1)

    def test_rds_takes_a_secondary_out_of_its_global_cluster(self):
        world = self.world()
        rds = client(world.url, "rds", STANDBY)
        own = world.regions[STANDBY]
        left = rds.describe_db_cluster_snapshots(DBClusterIdentifier=own["db_cluster_id"])
        self.assertEqual(left["DBClusterSnapshots"], [])
        self.assertEqual(refusal(rds.describe_db_cluster_snapshots, DBClusterIdentifier="gone"),
                         ("DBClusterNotFoundFault", 404))
        name = target(world)["GlobalClusterIdentifier"]
        asked = {"GlobalClusterIdentifier": name, "DbClusterIdentifier": own["db_cluster_arn"]}
        rds.remove_from_global_cluster(**asked)
        members = describe_global(world, STANDBY)["GlobalClusterMembers"]
        self.assertEqual([m["DBClusterArn"] for m in members],
                         [world.regions[ACTIVE]["db_cluster_arn"]])
        self.assertEqual(refusal(rds.remove_from_global_cluster, **asked),
                         ("DBClusterNotFoundFault", 404))

    def test_rds_switches_over(self):
        world = self.world()
        answer = client(world.url, "rds", ACTIVE).switchover_global_cluster(**target(world))
        # Nothing has moved yet.
        self.assertEqual([m["IsWriter"] for m in answer["GlobalCluster"]["GlobalClusterMembers"]],
                         [True, False])
        state = answer["GlobalCluster"]["FailoverState"]
        self.assertEqual(state["ToDbClusterArn"], world.regions[STANDBY]["db_cluster_arn"])
        self.assertEqual(state["FromDbClusterArn"], world.regions[ACTIVE]["db_cluster_arn"])
        self.assertIs(state["IsDataLossAllowed"], False)
        # Older models have no word for it; what arrives is told as it is.
        until("switching-over", lambda: failover_status(world) == "switching-over")
        until("the new writer", lambda: writers(world) == [STANDBY] and settled(world))
        self.assertEqual(describe_cluster(world, STANDBY)["Status"], "available")

    def test_rds_fails_over_and_loses_data_only_if_told_to(self):
        world = self.world()
        rds = client(world.url, "rds", STANDBY)
        with world.fault("region_down", region=ACTIVE):
            # Without AllowDataLoss this call is a switchover.
            self.assertEqual(refusal(rds.failover_global_cluster, **target(world)),
                             ("InvalidGlobalClusterStateFault", 400))
            rds.failover_global_cluster(**target(world), AllowDataLoss=True)
            self.assertEqual(describe_global(world, STANDBY)["Status"], "failing-over")
            until("the new writer", lambda: writers(world) == [STANDBY] and settled(world))

    def test_rds_refuses(self):
        world = self.world(aurora_failover=AGES_MS, aurora_refusal=0)
        rds = client(world.url, "rds", STANDBY)
        there = client(world.url, "rds", ACTIVE)
        failover, switchover = rds.failover_global_cluster, there.switchover_global_cluster
        known = target(world)
        no_global = ("GlobalClusterNotFoundFault", 404)
        nobody = known | {"GlobalClusterIdentifier": "nobody"}
        self.assertEqual(
            refusal(rds.describe_global_clusters, GlobalClusterIdentifier="nobody"), no_global)
        self.assertEqual(refusal(failover, **nobody, AllowDataLoss=True), no_global)
        self.assertEqual(refusal(switchover, **nobody), no_global)
        stranger = known | {"TargetDbClusterIdentifier":
                            known["TargetDbClusterIdentifier"] + "-stranger"}
        no_cluster = ("DBClusterNotFoundFault", 404)
        self.assertEqual(refusal(failover, **stranger, AllowDataLoss=True), no_cluster)
        self.assertEqual(refusal(switchover, **stranger), no_cluster)
        # In the wrong Region.
        self.assertEqual(refusal(there.failover_global_cluster, **known, AllowDataLoss=True),
                         no_cluster)
        wrong_state = ("InvalidGlobalClusterStateFault", 400)
        self.assertEqual(refusal(rds.switchover_global_cluster, **known), wrong_state)
        self.assertEqual(
            refusal(failover, **known, AllowDataLoss=True, Switchover=True),
            ("InvalidParameterCombination", 400))
        by_name = known | {"TargetDbClusterIdentifier": world.regions[STANDBY]["db_cluster_id"]}
        self.assertEqual(refusal(failover, **by_name, AllowDataLoss=True)[1], 400)
        with world.fault("region_down", region=STANDBY):
            self.assertEqual(refusal(failover, **known, AllowDataLoss=True),
                             ("InvalidDBClusterStateFault", 400))
        failover(**known, AllowDataLoss=True)
        for again in (lambda: failover(**known, AllowDataLoss=True), lambda: switchover(**known)):
            self.assertEqual(refusal(again), wrong_state)
        self.assertEqual(writers(world), [ACTIVE])

    def test_rds_executes_what_it_does_not_answer(self):
        world = self.world()
        rds = client(world.url, "rds", STANDBY)
        with world.fault("lose_reply", service="rds", operation="FailoverGlobalCluster"):
            with self.assertRaises(ConnectionClosedError):
                rds.failover_global_cluster(**target(world), AllowDataLoss=True)
        until("the new writer", lambda: writers(world) == [STANDBY])

    # EKS and Auto Scaling

    def test_eks_reads(self):
        world = self.world()
        eks = client(world.url, "eks", ACTIVE)
        group = eks.describe_nodegroup(**web(world, ACTIVE))["nodegroup"]
        self.assertEqual(group["status"], "ACTIVE")
        self.assertEqual(group["scalingConfig"], {"minSize": 2, "desiredSize": 6, "maxSize": 12})
        self.assertEqual(group["health"], {"issues": []})
        self.assertIsInstance(group["createdAt"], datetime.datetime)
        self.assertEqual(len(in_service(world, ACTIVE)), 6)
        cluster = world.regions[ACTIVE]["eks_cluster"]
        self.assertEqual(eks.describe_cluster(name=cluster)["cluster"]["status"], "ACTIVE")
        self.assertEqual(eks.list_nodegroups(clusterName=cluster)["nodegroups"], ["web"])

    def test_eks_grows_a_node_group(self):
        world = self.world()
        eks = client(world.url, "eks", STANDBY)
        sizes = {"minSize": 6, "desiredSize": 6, "maxSize": 12}
        token = {"clientRequestToken": "shop-1-grow-1"}
        update = eks.update_nodegroup_config(
            **web(world, STANDBY), scalingConfig=sizes, **token)["update"]
        self.assertEqual((update["status"], update["type"]), ("InProgress", "ConfigUpdate"))
        self.assertIn({"type": "DesiredSize", "value": "6"}, update["params"])
        # Repeated with the same token it is the same update.
        again = eks.update_nodegroup_config(
            **web(world, STANDBY), scalingConfig=sizes, **token)["update"]
        self.assertEqual(again["id"], update["id"])
        told = {"name": world.regions[STANDBY]["eks_cluster"], "nodegroupName": "web",
                "updateId": update["id"]}
        until("Successful",
              lambda: eks.describe_update(**told)["update"]["status"] == "Successful")
        eks.get_waiter("nodegroup_active").wait(
            **web(world, STANDBY), WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        # A successful update is not nodes: those come one by one.
        until("six nodes", lambda: len(in_service(world, STANDBY)) == 6)
        group = eks.describe_nodegroup(**web(world, STANDBY))["nodegroup"]
        self.assertEqual(group["scalingConfig"], sizes)

    def test_eks_tells_of_missing_capacity(self):
        world = self.world()
        eks = client(world.url, "eks", STANDBY)
        with world.fault("no_capacity", region=STANDBY, at_most=3):
            eks.update_nodegroup_config(
                **web(world, STANDBY),
                scalingConfig={"minSize": 6, "desiredSize": 6, "maxSize": 12})
            issues = until("the issue", lambda: eks.describe_nodegroup(
                **web(world, STANDBY))["nodegroup"]["health"]["issues"])
            # With capacity again the rest would join at once.
            self.assertEqual(len(in_service(world, STANDBY)), 3)
        self.assertEqual([i["code"] for i in issues], ["AsgInstanceLaunchFailures"])
        self.assertIn("InsufficientInstanceCapacity", issues[0]["message"])

    def test_eks_refuses(self):
        world = self.world(eks_update=AGES_MS)
        eks = client(world.url, "eks", STANDBY)
        update = eks.update_nodegroup_config
        known = web(world, STANDBY)
        missing = ("ResourceNotFoundException", 404)
        for wrong in ({"clusterName": "nobody"}, {"nodegroupName": "nobody"}):
            self.assertEqual(refusal(eks.describe_nodegroup, **known | wrong), missing)
            self.assertEqual(
                refusal(update, **known | wrong, scalingConfig={"desiredSize": 3}), missing)
        self.assertEqual(refusal(eks.describe_cluster, name="nobody"), missing)
        self.assertEqual(refusal(eks.list_nodegroups, clusterName="nobody"), missing)
        never = {"name": known["clusterName"], "nodegroupName": "web", "updateId": "never"}
        self.assertEqual(refusal(eks.describe_update, **never), missing)
        invalid = ("InvalidParameterException", 400)
        for sizes in ({"minSize": 5, "desiredSize": 4, "maxSize": 6},
                      {"minSize": 1, "desiredSize": 7, "maxSize": 6},
                      # Merged with what stands before it is checked.
                      {"desiredSize": 13}):
            self.assertEqual(refusal(update, **known, scalingConfig=sizes), invalid)
        update(**known, scalingConfig={"desiredSize": 3})
        self.assertEqual(refusal(update, **known, scalingConfig={"desiredSize": 4}),
                         ("ResourceInUseException", 409))

    def test_autoscaling_knows_no_error_for_a_strange_name(self):
        world = self.world()
        scaling = client(world.url, "autoscaling", ACTIVE)
        answer = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["nobody"])
        self.assertEqual(answer["AutoScalingGroups"], [])
        groups = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        self.assertEqual([(g["MinSize"], g["DesiredCapacity"], g["MaxSize"]) for g in groups],
                         [(2, 6, 12)])
        self.assertEqual({i["LifecycleState"] for i in groups[0]["Instances"]}, {"InService"})
        self.assertIsInstance(groups[0]["CreatedTime"], datetime.datetime)

    # CloudWatch

    def test_cloudwatch_tells_the_lag_in_every_protocol(self):
        world = self.world()
        for protocol in PROTOCOLS:
            watch = client(world.url, "cloudwatch", STANDBY, protocol=protocol)
            with self.subTest(protocol=protocol):
                answer = watch.get_metric_statistics(**lag(world, STANDBY))
                self.assertEqual(answer["Label"], "AuroraGlobalDBRPOLag")
                points = answer["Datapoints"]
                self.assertGreaterEqual(len(points), 5)
                for point in points:
                    self.assertIsInstance(point["Timestamp"], datetime.datetime)
                    self.assertEqual(point["Unit"], "Milliseconds")
                    self.assertGreater(point["Maximum"], 0.0)
                    self.assertLess(point["Maximum"], 10_000.0)
                # Published in the secondary's Region only.
                there = client(world.url, "cloudwatch", ACTIVE, protocol=protocol)
                answer = there.get_metric_statistics(**lag(world, ACTIVE))
                self.assertEqual(answer["Datapoints"], [])
                data = watch.get_metric_data(**lag_query(world))["MetricDataResults"]
                self.assertEqual([d["StatusCode"] for d in data], ["Complete"])
                self.assertEqual(len(data[0]["Timestamps"]), len(data[0]["Values"]))
                self.assertIsInstance(data[0]["Timestamps"][0], datetime.datetime)

    def test_cloudwatch_tells_a_raised_alarm_in_every_protocol(self):
        world = self.world()
        name = "shop-users-fail"
        for protocol in PROTOCOLS:
            watch = client(world.url, "cloudwatch", STANDBY, protocol=protocol)
            with self.subTest(protocol=protocol):
                asked = {"AlarmNames": [name], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
                with world.fault("alarm_raised", region=STANDBY):
                    alarms = watch.describe_alarms(**asked)["MetricAlarms"]
                    self.assertEqual([(a["AlarmName"], a["StateValue"]) for a in alarms],
                                     [(name, "ALARM")])
                    self.assertIsInstance(alarms[0]["StateTransitionedTimestamp"],
                                          datetime.datetime)
                calm = watch.describe_alarms(**asked)["MetricAlarms"]
                self.assertEqual([a["StateValue"] for a in calm], ["OK"])
                with world.fault("denied", action="cloudwatch:DescribeAlarms"):
                    self.assertIn("AccessDenied", refusal(watch.describe_alarms, **asked)[0])
                nobody = watch.describe_alarms(AlarmNames=["nobody"])
                self.assertEqual(nobody["MetricAlarms"], [])

    def test_cloudwatch_refuses(self):
        world = self.world()
        for protocol in PROTOCOLS:
            watch = client(world.url, "cloudwatch", STANDBY, protocol=protocol)
            with self.subTest(protocol=protocol):
                asked = lag(world, STANDBY)
                call = watch.get_metric_statistics
                self.assertEqual(refusal(call, **asked | {"Period": 61}),
                                 ("InvalidParameterValue", 400))
                self.assertEqual(refusal(call, **asked | {"EndTime": asked["StartTime"]}),
                                 ("InvalidParameterValue", 400))
                self.assertEqual(refusal(call, **asked | {"Statistics": ["Middle"]}),
                                 ("InvalidParameterValue", 400))
                del asked["Statistics"]
                self.assertEqual(refusal(call, **asked), ("MissingParameter", 400))

    def test_cloudwatch_may_know_nothing(self):
        world = self.world()
        watch = client(world.url, "cloudwatch", STANDBY)
        with world.fault("lag_unknown"):
            self.assertEqual(watch.get_metric_statistics(**lag(world, STANDBY))["Datapoints"], [])
        stranger = lag(world, STANDBY)
        stranger["Dimensions"] = [{"Name": "DBClusterIdentifier", "Value": "nobody"}]
        self.assertEqual(watch.get_metric_statistics(**stranger)["Datapoints"], [])

    # STS

    def test_sts(self):
        world = self.world()
        sts = client(world.url, "sts", STANDBY)
        self.assertEqual(sts.get_caller_identity()["Account"], "123456789012")
        role = {"RoleArn": "arn:aws:iam::123456789012:role/failover",
                "RoleSessionName": "failoverd"}
        answer = sts.assume_role(**role, ExternalId="shake", DurationSeconds=900)
        self.assertGreater(answer["Credentials"]["Expiration"],
                           datetime.datetime.now(datetime.timezone.utc))
        self.assertEqual(answer["AssumedRoleUser"]["Arn"],
                         "arn:aws:sts::123456789012:assumed-role/failover/failoverd")
        # Not signed: the token is the proof.
        answer = sts.assume_role_with_web_identity(**role, WebIdentityToken="a.b.c" * 4)
        self.assertTrue(answer["Credentials"]["SessionToken"])
        wrong = role | {"RoleArn": "arn:aws:iam::123456789012:user/failover"}
        self.assertEqual(refusal(sts.assume_role, **wrong), ("ValidationError", 400))
        self.assertEqual(
            refusal(sts.assume_role_with_web_identity, **wrong, WebIdentityToken="a.b.c" * 4),
            ("ValidationError", 400))

    def test_a_look_before_a_run(self):
        world = self.world()
        route53, rds = client(world.url, "route53"), client(world.url, "rds", STANDBY)
        seen = route53.get_health_check_status(**health_check(world))["HealthCheckObservations"]
        self.assertEqual(len(seen), 4)
        for checker in seen:
            self.assertTrue(checker["StatusReport"]["Status"].startswith("Success"), checker)
            self.assertIsInstance(checker["StatusReport"]["CheckedTime"], datetime.datetime)
        self.assertEqual(
            refusal(route53.get_health_check_status, HealthCheckId="gone"),
            ("NoSuchHealthCheck", 404))
        own = world.regions[STANDBY]["db_cluster_id"]
        of_cluster = {"Filters": [{"Name": "db-cluster-id", "Values": [own]}]}
        instances = rds.describe_db_instances(**of_cluster)["DBInstances"]
        self.assertEqual([i["DBInstanceStatus"] for i in instances], ["available"])
        with world.fault("no_instances", region=STANDBY):
            self.assertEqual(rds.describe_db_instances(**of_cluster)["DBInstances"], [])
            self.assertEqual(rds.describe_db_clusters(DBClusterIdentifier=own)
                             ["DBClusters"][0]["DBClusterMembers"], [])
        eks = client(world.url, "eks", STANDBY)
        group = eks.describe_nodegroup(**web(world, STANDBY))["nodegroup"]
        asg = group["resources"]["autoScalingGroups"][0]["name"]
        self.assertEqual((group["status"], len(group["subnets"])), ("ACTIVE", 2))
        with world.fault("nodegroup_degraded", region=STANDBY):
            group = eks.describe_nodegroup(**web(world, STANDBY))["nodegroup"]
            self.assertEqual(group["status"], "DEGRADED")
            self.assertEqual(len(group["health"]["issues"]), 1)
        scaling = client(world.url, "autoscaling", STANDBY)
        read = lambda: scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[asg])
        self.assertEqual(read()["AutoScalingGroups"][0]["SuspendedProcesses"], [])
        with world.fault("launch_suspended", region=STANDBY):
            suspended = read()["AutoScalingGroups"][0]["SuspendedProcesses"]
            self.assertEqual([p["ProcessName"] for p in suspended], ["Launch"])

    def test_iam_simulates_what_is_then_refused(self):
        world = self.world()
        iam, rds = client(world.url, "iam"), client(world.url, "rds", STANDBY)
        actions = ("rds:DescribeDBClusters", "rds:DescribeDBInstances")
        decide = lambda: [r["EvalDecision"] for r in
                          iam.simulate_principal_policy(**may(*actions))["EvaluationResults"]]
        self.assertEqual(decide(), ["allowed", "allowed"])
        with world.fault("denied", action=actions[1]):
            self.assertEqual(decide(), ["allowed", "implicitDeny"])
            self.assertEqual(refusal(rds.describe_db_instances), ("AccessDenied", 403))
        rds.describe_db_instances()
        nobody = may(*actions) | {"PolicySourceArn": "arn:aws:iam::999999999999:role/x"}
        self.assertEqual(refusal(iam.simulate_principal_policy, **nobody), ("NoSuchEntity", 404))

    # Every service

    def test_too_many_calls_and_a_failing_control_plane(self):
        world = self.world()
        throttles = {"globalaccelerator": ("ThrottlingException", 400),
                     "eks": ("ThrottlingException", 429)}
        for service, reads in every_read(world).items():
            made = client(world.url, service, STANDBY)
            for operation, parameters in reads:
                call = getattr(made, operation)
                with self.subTest(service=service, operation=operation):
                    with world.fault("throttle", service=FAULT_NAMES[service]):
                        self.assertEqual(refusal(call, **parameters),
                                         throttles.get(service, ("Throttling", 400)))
                    with world.fault("fail_control_plane", service=FAULT_NAMES[service],
                                     status=503):
                        self.assertEqual(refusal(call, **parameters)[1], 503)
                    call(**parameters)

    def test_what_is_not_known_is_said_loudly(self):
        world = self.world()
        nobody_knows = ("SandboxNotImplemented", 501)
        self.assertEqual(refusal(client(world.url, "route53").list_hosted_zones), nobody_knows)
        self.assertEqual(refusal(client(world.url, "eks").list_clusters), nobody_knows)
        self.assertEqual(refusal(client(world.url, "rds").describe_db_snapshots), nobody_knows)
        self.assertEqual(refusal(client(world.url, "globalaccelerator").list_accelerators),
                         nobody_knows)
        self.assertEqual(refusal(client(world.url, "cloudwatch").list_metrics), nobody_knows)
        scaling = client(world.url, "autoscaling")
        self.assertEqual(refusal(scaling.describe_policies), nobody_knows)
        self.assertEqual(refusal(client(world.url, "sts").get_session_token), nobody_knows)
        self.assertEqual(refusal(client(world.url, "iam").list_users), nobody_knows)
        self.unknown = 8


FAULT_NAMES = {"route53": "route53", "globalaccelerator": "global_accelerator", "rds": "rds",
               "eks": "eks", "autoscaling": "auto_scaling", "cloudwatch": "cloud_watch",
               "sts": "sts", "iam": "iam"}


def every_read(world):
    """An operation of each service that changes nothing."""
    group = world.regions[STANDBY]["endpoint_group_arn"]
    role = {"RoleArn": "arn:aws:iam::123456789012:role/failover", "RoleSessionName": "failoverd"}
    return {
        "route53": [("list_resource_record_sets", zone(world)),
                    ("get_health_check", health_check(world)),
                    ("get_health_check_status", health_check(world))],
        "globalaccelerator": [("describe_endpoint_group", {"EndpointGroupArn": group})],
        "rds": [("describe_global_clusters", {}), ("describe_db_clusters", {}),
                ("describe_db_instances", {})],
        "eks": [("describe_nodegroup", web(world, STANDBY))],
        "autoscaling": [("describe_auto_scaling_groups", {})],
        "cloudwatch": [("get_metric_statistics", lag(world, STANDBY))],
        "sts": [("get_caller_identity", {}), ("assume_role", role)],
        "iam": [("simulate_principal_policy", may("rds:FailoverGlobalCluster"))],
    }


def may(*actions, resources=("*",)):
    user = "arn:aws:iam::123456789012:user/failoverd"
    return {"PolicySourceArn": user, "ActionNames": list(actions), "ResourceArns": list(resources)}


def health_check(world):
    return {"HealthCheckId": world.regions[STANDBY]["health_check_id"]}


def zone(world):
    return {"HostedZoneId": world.told["hosted_zone_id"]}


def record_sets(route53, world):
    return route53.list_resource_record_sets(**zone(world))["ResourceRecordSets"]


def swap(sets, name, epoch):
    """What failoverd sends: delete what stands, create it with the roles changed."""
    other = {"PRIMARY": "SECONDARY", "SECONDARY": "PRIMARY"}
    note = {"Name": f"_failoverd.{name}", "Type": "TXT", "TTL": 60,
            "ResourceRecords": [{"Value": f'"failoverd epoch={epoch} app=shop"'}]}
    changes = [{"Action": "DELETE", "ResourceRecordSet": s} for s in sets]
    changes += [{"Action": "CREATE", "ResourceRecordSet": s | {"Failover": other[s["Failover"]]}}
                for s in sets]
    changes.append({"Action": "CREATE", "ResourceRecordSet": note})
    return {"Comment": "failoverd run shop-1 step flip-dns", "Changes": changes}


def in_sync(route53, change):
    return route53.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "INSYNC"


def describe_group(accelerator, world, region):
    arn = world.regions[region]["endpoint_group_arn"]
    return accelerator.describe_endpoint_group(EndpointGroupArn=arn)["EndpointGroup"]


def target(world):
    return {"GlobalClusterIdentifier": world.told["global_cluster"],
            "TargetDbClusterIdentifier": world.regions[STANDBY]["db_cluster_arn"]}


def describe_global(world, region):
    rds = client(world.url, "rds", region)
    clusters = rds.describe_global_clusters(GlobalClusterIdentifier=world.told["global_cluster"])
    return clusters["GlobalClusters"][0]


def describe_cluster(world, region):
    rds = client(world.url, "rds", region)
    identifier = world.regions[region]["db_cluster_id"]
    return rds.describe_db_clusters(DBClusterIdentifier=identifier)["DBClusters"][0]


def writers(world):
    members = describe_global(world, STANDBY)["GlobalClusterMembers"]
    return [m["DBClusterArn"].split(":")[3] for m in members if m["IsWriter"]]


def failover_status(world):
    return describe_global(world, STANDBY).get("FailoverState", {}).get("Status")


def settled(world):
    return failover_status(world) is None


def web(world, region):
    return {"clusterName": world.regions[region]["eks_cluster"], "nodegroupName": "web"}


def in_service(world, region):
    """Instances in service, by the path that failoverd takes: EKS names the Auto Scaling group."""
    group = client(world.url, "eks", region).describe_nodegroup(**web(world, region))["nodegroup"]
    names = [g["name"] for g in group["resources"]["autoScalingGroups"]]
    scaling = client(world.url, "autoscaling", region)
    found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=names)
    return [i for g in found["AutoScalingGroups"] for i in g["Instances"]
            if i["LifecycleState"] == "InService"]


def lag(world, region):
    now = datetime.datetime.now(datetime.timezone.utc)
    cluster = world.regions[region]["db_cluster_id"]
    return {"Namespace": "AWS/RDS", "MetricName": "AuroraGlobalDBRPOLag", "Period": 60,
            "Statistics": ["Maximum"], "StartTime": now - datetime.timedelta(minutes=10),
            "EndTime": now, "Dimensions": [{"Name": "DBClusterIdentifier", "Value": cluster}]}


def lag_query(world):
    asked = lag(world, STANDBY)
    metric = {name: asked[name] for name in ("Namespace", "MetricName", "Dimensions")}
    stat = {"Metric": metric, "Period": 60, "Stat": "Maximum"}
    return {"MetricDataQueries": [{"Id": "lag", "MetricStat": stat}],
            "StartTime": asked["StartTime"], "EndTime": asked["EndTime"]}


if __name__ == "__main__":
    unittest.main()
