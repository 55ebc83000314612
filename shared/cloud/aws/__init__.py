"""Amazon SNS as the result topic: an extra that is in the zip only after ``build --with-sns``."""
