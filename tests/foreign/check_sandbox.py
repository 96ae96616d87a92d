#!/usr/bin/env python3
"""The sandbox read and written by clients that nobody here wrote: boto3 and the AWS CLI.

    check_sandbox.py target/debug/examples/sandbox

Every operation that failoverd uses, happy and in error, through their own parsers.
Needs boto3 and awscli from PyPI; talks to loopback only.
"""

import datetime
import json
import os
import subprocess
import sys
import time

os.environ.update(
    AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY="secret",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_MAX_ATTEMPTS="1",
    AWS_PAGER="",
)

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

# World seconds to a real one.
SPEED = 60
ACTIVE, STANDBY = "eu-west-1", "eu-central-1"
CONFIG = Config(retries={"total_max_attempts": 1}, proxies={})

passed = 0


def check(what, condition, seen=None):
    global passed
    if not condition:
        sys.exit(f"FAILED: {what}: {seen!r}")
    passed += 1


def refused(code, status, call, **arguments):
    try:
        answer = call(**arguments)
    except ClientError as error:
        seen = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        check(f"{code} {status}", seen == (code, status), seen)
        return error.response["Error"]["Message"]
    sys.exit(f"FAILED: {code} was expected, not {answer!r}")


def eventually(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"FAILED: never: {what}")
        time.sleep(0.02)
    check(what, True)


class World:
    def __init__(self, command):
        self.process = subprocess.Popen(
            [command, "--speed", str(SPEED)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.names = json.loads(self.process.stdout.readline())
        self.started = time.monotonic()
        self.url = self.names["endpoint_url"]
        self.regions = {region["name"]: region for region in self.names["regions"]}

    def client(self, service, region):
        return boto3.client(service, region_name=region, endpoint_url=self.url, config=CONFIG)

    def ask(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["ok"]

    def say(self, line):
        """Switches a fault on, or off again if a `-` stands before it."""
        verb = "clear" if line.startswith("-") else "inject"
        self.ask({verb: json.loads(line.removeprefix("-"))})

    def now(self):
        real = time.monotonic() - self.started
        return datetime.datetime.fromtimestamp(
            self.names["now_ms"] / 1000 + real * SPEED, datetime.timezone.utc
        )

    def cli(self, *arguments, region):
        """The AWS CLI's exit code and output."""
        done = subprocess.run(
            ["aws", "--endpoint-url", self.url, "--region", region, "--output", "json", *arguments],
            capture_output=True, text=True, timeout=120,
        )
        return done.returncode, done.stdout or done.stderr

    def end(self):
        unknown = self.ask("unknown")
        check("nothing unknown was asked", unknown == [], unknown)
        self.process.stdin.close()
        check("it ended well", self.process.wait(20) == 0)


def route53(world):
    client = world.client("route53", "us-east-1")
    zone = world.names["hosted_zone_id"]
    listed = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    check("two failover sets", [s["Failover"] for s in listed] != [] and len(listed) == 2, listed)
    swap = {"PRIMARY": "SECONDARY", "SECONDARY": "PRIMARY"}
    changes = [{"Action": "DELETE", "ResourceRecordSet": s} for s in listed]
    changes += [
        {"Action": "CREATE", "ResourceRecordSet": {**s, "Failover": swap[s["Failover"]]}}
        for s in listed
    ]
    txt = {
        "Name": "_failoverd.app.shop.example.", "Type": "TXT", "TTL": 60,
        "ResourceRecords": [{"Value": '"epoch=1"'}],
    }
    changes.append({"Action": "UPSERT", "ResourceRecordSet": txt})
    batch = {"Comment": "check & <test>", "Changes": changes}
    change = client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]
    check("PENDING", change["Status"] == "PENDING", change)
    eventually("INSYNC", lambda: client.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "INSYNC")
    message = refused("InvalidChangeBatch", 400, client.change_resource_record_sets,
                      HostedZoneId=zone, ChangeBatch=batch)
    check("why", "do not match the current values" in message, message)
    pages = client.get_paginator("list_resource_record_sets").paginate(
        HostedZoneId=zone, PaginationConfig={"PageSize": 1}
    )
    names = [s["Name"] for page in pages for s in page["ResourceRecordSets"]]
    check("paged", len(names) == 3 and "_failoverd.app.shop.example." in names, names)
    check("zone", client.get_hosted_zone(Id=zone)["HostedZone"]["Name"] == "shop.example.")
    checks = client.list_health_checks()["HealthChecks"]
    one = client.get_health_check(HealthCheckId=checks[0]["Id"])["HealthCheck"]
    check("health check", one["HealthCheckConfig"]["FailureThreshold"] == 3, one)
    refused("NoSuchHostedZone", 404, client.get_hosted_zone, Id="ZNONE")
    refused("NoSuchChange", 404, client.get_change, Id="CNONE")
    refused("NoSuchHealthCheck", 404, client.get_health_check, HealthCheckId="none")
    throttle = '{"fault":"throttle","service":"route53","times":1}'
    world.say(throttle)

    def throttled():
        try:
            client.list_health_checks()
            return False
        except ClientError as error:
            return error.response["Error"]["Code"] == "Throttling"

    eventually("throttled", throttled)
    world.say("-" + throttle)
    code, out = world.cli("route53", "list-resource-record-sets", "--hosted-zone-id", zone, region="us-east-1")
    check("cli lists", code == 0 and len(json.loads(out)["ResourceRecordSets"]) == 3, out)
    code, out = world.cli("route53", "get-hosted-zone", "--id", "ZNONE", region="us-east-1")
    check("cli error", code != 0 and "NoSuchHostedZone" in out, out)


def accelerator(world):
    client = world.client("globalaccelerator", "us-west-2")
    arn = world.regions[STANDBY]["endpoint_group_arn"]
    group = client.describe_endpoint_group(EndpointGroupArn=arn)["EndpointGroup"]
    check("dial 0", group["TrafficDialPercentage"] == 0.0, group)
    client.update_endpoint_group(EndpointGroupArn=arn, TrafficDialPercentage=100)

    def status():
        answer = client.describe_accelerator(AcceleratorArn=world.names["accelerator_arn"])
        return answer["Accelerator"]["Status"]

    eventually("DEPLOYED", lambda: status() == "DEPLOYED")
    endpoints = [
        {"EndpointId": e["EndpointId"], "Weight": 7,
         "ClientIPPreservationEnabled": e["ClientIPPreservationEnabled"]}
        for e in group["EndpointDescriptions"]
    ]
    group = client.update_endpoint_group(EndpointGroupArn=arn, EndpointConfigurations=endpoints)
    group = group["EndpointGroup"]
    check("weight", group["EndpointDescriptions"][0]["Weight"] == 7, group)
    check("dial stays", group["TrafficDialPercentage"] == 100.0, group)
    listeners = client.list_listeners(AcceleratorArn=world.names["accelerator_arn"])["Listeners"]
    groups = client.list_endpoint_groups(ListenerArn=listeners[0]["ListenerArn"])["EndpointGroups"]
    check("groups", len(groups) == 2, groups)
    refused("InvalidArgumentException", 400, client.update_endpoint_group,
            EndpointGroupArn=arn, TrafficDialPercentage=101)
    refused("EndpointGroupNotFoundException", 400, client.describe_endpoint_group,
            EndpointGroupArn="arn:aws:globalaccelerator::123456789012:nothing")
    code, out = world.cli("globalaccelerator", "describe-endpoint-group",
                          "--endpoint-group-arn", arn, region="us-west-2")
    check("cli", code == 0 and json.loads(out)["EndpointGroup"]["TrafficDialPercentage"] == 100, out)


def eks(world):
    client = world.client("eks", STANDBY)
    scaling = world.client("autoscaling", STANDBY)
    name = {"clusterName": "shop", "nodegroupName": "web"}
    group = client.describe_nodegroup(**name)["nodegroup"]
    check("ACTIVE", group["status"] == "ACTIVE" and group["scalingConfig"]["desiredSize"] == 2, group)
    check("since", group["createdAt"].year >= 2020, group)
    sizes = {"minSize": 2, "desiredSize": 4, "maxSize": 12}
    update = client.update_nodegroup_config(**name, scalingConfig=sizes)["update"]
    refused("ResourceInUseException", 409, client.update_nodegroup_config, **name, scalingConfig=sizes)

    def done():
        answer = client.describe_update(name="shop", nodegroupName="web", updateId=update["id"])
        return answer["update"]["status"] == "Successful"

    eventually("Successful", done)
    asg = group["resources"]["autoScalingGroups"][0]["name"]

    def in_service():
        answer = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[asg])
        instances = answer["AutoScalingGroups"][0]["Instances"]
        return sum(i["LifecycleState"] == "InService" for i in instances)

    eventually("four nodes", lambda: in_service() == 4)
    refused("InvalidParameterException", 400, client.update_nodegroup_config,
            **name, scalingConfig={"desiredSize": 99})
    refused("ResourceNotFoundException", 404, client.describe_nodegroup,
            clusterName="shop", nodegroupName="none")
    check("listed", client.list_nodegroups(clusterName="shop")["nodegroups"] == ["web"])
    check("cluster", client.describe_cluster(name="shop")["cluster"]["status"] == "ACTIVE")
    code, out = world.cli("eks", "describe-nodegroup", "--cluster-name", "shop",
                          "--nodegroup-name", "web", region=STANDBY)
    check("cli", code == 0 and json.loads(out)["nodegroup"]["status"] == "ACTIVE", out)
    code, out = world.cli("autoscaling", "describe-auto-scaling-groups", region=STANDBY)
    check("cli groups", code == 0 and len(json.loads(out)["AutoScalingGroups"]) == 1, out)


def cloudwatch(world):
    client = world.client("cloudwatch", STANDBY)
    dimensions = [{"Name": "DBClusterIdentifier", "Value": f"shop-{STANDBY}"}]
    end = world.now()
    span = {"StartTime": end - datetime.timedelta(minutes=10), "EndTime": end}
    metric = {"Namespace": "AWS/RDS", "MetricName": "AuroraGlobalDBRPOLag", "Dimensions": dimensions}
    points = client.get_metric_statistics(**metric, **span, Period=60, Statistics=["Maximum"])["Datapoints"]
    check("lag", len(points) >= 7 and all(500 < p["Maximum"] < 1100 for p in points), points)
    query = {"Id": "lag", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}}
    data = client.get_metric_data(MetricDataQueries=[query], **span)["MetricDataResults"][0]
    check("data", len(data["Values"]) == len(data["Timestamps"]) >= 7, data)
    elsewhere = world.client("cloudwatch", ACTIVE)
    none = elsewhere.get_metric_statistics(**metric, **span, Period=60, Statistics=["Maximum"])
    check("not in the writer's Region", none["Datapoints"] == [], none)
    # The service model names the code of the older protocol for it.
    try:
        client.get_metric_statistics(**metric, **span, Period=61, Statistics=["Maximum"])
        sys.exit("FAILED: a period of 61 was taken")
    except client.exceptions.InvalidParameterValueException:
        check("period", True)
    code, out = world.cli(
        "cloudwatch", "get-metric-statistics", "--namespace", "AWS/RDS",
        "--metric-name", "AuroraGlobalDBRPOLag", "--period", "60", "--statistics", "Maximum",
        "--dimensions", f"Name=DBClusterIdentifier,Value=shop-{STANDBY}",
        "--start-time", span["StartTime"].isoformat(), "--end-time", span["EndTime"].isoformat(),
        region=STANDBY,
    )
    check("cli", code == 0 and len(json.loads(out)["Datapoints"]) >= 7, out)


def rds(world):
    there, here = world.client("rds", STANDBY), world.client("rds", ACTIVE)
    target = world.regions[STANDBY]["db_cluster_arn"]
    both = {"GlobalClusterIdentifier": "shop", "TargetDbClusterIdentifier": target}

    def cluster():
        return there.describe_global_clusters(GlobalClusterIdentifier="shop")["GlobalClusters"][0]

    def writer():
        return [m["DBClusterArn"] for m in cluster()["GlobalClusterMembers"] if m["IsWriter"]]

    check("readers", cluster()["GlobalClusterMembers"][0]["Readers"] == [target], cluster())
    refused("GlobalClusterNotFoundFault", 404, there.describe_global_clusters, GlobalClusterIdentifier="no")
    refused("DBClusterNotFoundFault", 404, there.describe_db_clusters, DBClusterIdentifier="no")
    refused("InvalidParameterCombination", 400, there.failover_global_cluster,
            **both, AllowDataLoss=True, Switchover=True)
    refused("InvalidGlobalClusterStateFault", 400, there.switchover_global_cluster, **both)
    world.say('{"fault":"promotion_stuck"}')
    reply = there.failover_global_cluster(**both, AllowDataLoss=True)["GlobalCluster"]
    check("pending", reply["FailoverState"]["Status"] == "pending", reply)
    check("data loss", reply["FailoverState"]["IsDataLossAllowed"] is True, reply)
    refused("InvalidGlobalClusterStateFault", 400, there.failover_global_cluster, **both, AllowDataLoss=True)
    eventually("failing-over", lambda: cluster()["FailoverState"]["Status"] == "failing-over")
    world.say('-{"fault":"promotion_stuck"}')
    eventually("promoted", lambda: writer() == [target])
    check("over", "FailoverState" not in cluster(), cluster())
    eventually("rejoined", lambda: len(cluster()["GlobalClusterMembers"]) == 2)
    home = world.regions[ACTIVE]["db_cluster_arn"]
    back = there.switchover_global_cluster(GlobalClusterIdentifier="shop", TargetDbClusterIdentifier=home)
    check("switching", back["GlobalCluster"]["Status"] == "switching-over", back)
    eventually("home", lambda: writer() == [home])
    found = here.describe_db_clusters(DBClusterIdentifier=f"shop-{ACTIVE}")["DBClusters"]
    check("available", found[0]["Status"] == "available", found)
    code, out = world.cli("rds", "describe-global-clusters", region=ACTIVE)
    check("cli", code == 0 and len(json.loads(out)["GlobalClusters"]) == 1, out)
    code, out = world.cli("rds", "failover-global-cluster", "--global-cluster-identifier", "shop",
                          "--target-db-cluster-identifier", "arn:aws:rds:x:1:cluster:no",
                          "--allow-data-loss", region=STANDBY)
    check("cli error", code != 0 and "DBClusterNotFoundFault" in out, out)


def sts(world):
    client = world.client("sts", ACTIVE)
    check("caller", client.get_caller_identity()["Account"] == "123456789012")
    role = {"RoleArn": "arn:aws:iam::123456789012:role/failoverd", "RoleSessionName": "check"}
    check("role", client.assume_role(**role, ExternalId="check")["Credentials"]["SessionToken"])
    web = client.assume_role_with_web_identity(**role, WebIdentityToken="token")
    check("web identity", web["Credentials"]["AccessKeyId"].startswith("ASIA"), web)
    refused("ValidationError", 400, client.assume_role, RoleArn="arn:of:something:quite:other", RoleSessionName="check")


def main():
    world = World(sys.argv[1])
    try:
        for part in (sts, cloudwatch, route53, accelerator, eks, rds):
            part(world)
            print(f"{part.__name__}: good")
        world.end()
    finally:
        world.process.kill()
    print(f"{passed} checks passed")


if __name__ == "__main__":
    main()
