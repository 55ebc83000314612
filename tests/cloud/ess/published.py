"""The operations of `aliyun-python-sdk-ess`, version 2014-08-28: one we lack answers 501, one nobody has 404.

https://github.com/aliyun/aliyun-openapi-python-sdk
"""

from __future__ import annotations

_NAMES = """
    AttachAlbServerGroups AttachDBInstances AttachInstances AttachLoadBalancers AttachServerGroups
    AttachVServerGroups ChangeResourceGroup CompleteLifecycleAction CreateAlarm CreateEciScalingConfiguration
    CreateLifecycleHook CreateNotificationConfiguration CreateScalingConfiguration CreateScalingGroup
    CreateScalingRule CreateScheduledTask DeactivateScalingConfiguration DeleteAlarm
    DeleteEciScalingConfiguration DeleteLifecycleHook DeleteNotificationConfiguration DeleteScalingConfiguration
    DeleteScalingGroup DeleteScalingRule DeleteScheduledTask DescribeAccountAttributes DescribeAlarms
    DescribeAlertConfig DescribeCapacityHistory DescribeEciScalingConfigurations DescribeElasticStrength
    DescribeLifecycleActions DescribeLifecycleHooks DescribeLimitation DescribeNotificationConfigurations
    DescribeNotificationTypes DescribePatternTypes DescribeRegions DescribeScalingActivities
    DescribeScalingActivityDetail DescribeScalingConfigurations DescribeScalingGroups DescribeScalingInstances
    DescribeScalingRules DescribeScheduledTasks DetachAlbServerGroups DetachDBInstances DetachInstances
    DetachLoadBalancers DetachServerGroups DetachVServerGroups DisableAlarm DisableScalingGroup EnableAlarm
    EnableScalingGroup EnterStandby ExecuteScalingRule ExitStandby ListTagKeys ListTagResources ListTagValues
    ModifyAlarm ModifyAlertConfig ModifyEciScalingConfiguration ModifyInstanceAttribute ModifyLifecycleHook
    ModifyNotificationConfiguration ModifyScalingConfiguration ModifyScalingGroup ModifyScalingRule
    ModifyScheduledTask RebalanceInstances RecordLifecycleActionHeartbeat RemoveInstances ResumeProcesses
    ScaleWithAdjustment SetGroupDeletionProtection SetInstanceHealth SetInstancesProtection SuspendProcesses
    TagResources UntagResources VerifyAuthentication VerifyUser
"""
ESS = frozenset(_NAMES.split())
