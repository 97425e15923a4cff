"""Each check of check_deploy.py can fail."""

import unittest

from check_deploy import config_variables, metrics_of, own_metrics, unknown_metrics

CONFIG = """
pub struct Config {
    /// PostgreSQL.
    pub database: DatabaseConfig,
}

pub struct DatabaseConfig {
    /// Address.
    pub app_url: String,
}
"""


class Checks(unittest.TestCase):
    def test_metrics_are_found_wherever_they_stand(self):
        expression = "sum by (le) (rate(a_seconds_bucket[5m])) / -(b) > on (x) max_over_time(c[5m:1m])"
        self.assertEqual(metrics_of(expression), {"a_seconds_bucket", "b", "c"})

    def test_a_broken_expression_is_an_error(self):
        for expression in ["rate(a[5m]", "sum(", '{x="y"}']:
            with self.assertRaises(ValueError, msg=expression):
                metrics_of(expression)

    def test_a_metric_that_nothing_exports_is_named(self):
        used = {"up", "a_total", "b_seconds_bucket", "c_seconds_sum", "gone"}
        self.assertEqual(unknown_metrics(used, {"a_total", "b_seconds"}), ["c_seconds_sum", "gone"])

    def test_a_metric_counts_only_where_metrics_are_made(self):
        sources = [
            'use prometheus::Opts; Opts::new("sbh_a_total")\n#[cfg(test)]\n"sbh_b_total"',
            'let role = "sbh_app";',
        ]
        self.assertEqual(own_metrics(sources), {"sbh_a_total"})

    def test_settings_are_those_of_the_structures(self):
        self.assertEqual(config_variables(CONFIG), {"SBH_DATABASE_APP_URL"})


if __name__ == "__main__":
    unittest.main()
