"""The vendor's resource registry, as far as ``template.yml`` uses it, and the check against it.

``registry.json`` is an extract of the vendor's ``ros-cdk-*`` packages (Apache-2.0), which are generated from the resource
specification of Resource Orchestration Service. ``python -m tests.registry.extract`` makes it anew.
"""
