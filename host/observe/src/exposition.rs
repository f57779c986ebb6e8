//! Numbers as Prometheus reads them, written by its own crate.

use std::collections::BTreeMap;

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram as ProtoHistogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Encoder, TextEncoder};

use crate::metrics::{Declared, Kind};

/// A page of numbers, being put together.
#[derive(Default)]
pub struct Exposition(BTreeMap<&'static str, MetricFamily>);

/// How many were at most how large.
pub struct Histogram {
    /// Upper bound, and how many are at or below it.
    pub buckets: Vec<(f64, u64)>,
    /// How many there are.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

impl Histogram {
    /// Of buckets that hold only what is above the bound before.
    pub fn of_parts(bounds: &[f64], parts: &[u64], count: u64, sum: f64) -> Self {
        let below = parts.iter().scan(0, |below, part| {
            *below += part;
            Some(*below)
        });
        Self { buckets: bounds.iter().copied().zip(below).collect(), count, sum }
    }
}

impl Exposition {
    /// Adds a counter under the values of its labels.
    pub fn counter(&mut self, declared: &Declared, labels: &[&str], value: u64) {
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        self.add(declared, labels, |metric| metric.set_counter(counter));
    }

    /// Adds a gauge.
    pub fn gauge(&mut self, declared: &Declared, labels: &[&str], value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        self.add(declared, labels, |metric| metric.set_gauge(gauge));
    }

    /// Adds a histogram.
    pub fn histogram(&mut self, declared: &Declared, labels: &[&str], value: &Histogram) {
        let mut histogram = ProtoHistogram::default();
        histogram.set_sample_count(value.count);
        histogram.set_sample_sum(value.sum);
        let bucket = |(bound, count): &(f64, u64)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(*count);
            bucket
        };
        histogram.set_bucket(value.buckets.iter().map(bucket).collect());
        self.add(declared, labels, |metric| metric.set_histogram(histogram));
    }

    /// The page.
    pub fn text(self) -> String {
        let families: Vec<MetricFamily> = self.0.into_values().collect();
        let mut text = Vec::new();
        // It fails for a family without metrics, and none is here without one; writing to memory does not fail.
        if let Err(fault) = TextEncoder::new().encode(&families, &mut text) {
            return format!("# the numbers cannot be written: {fault}\n");
        }
        String::from_utf8(text).unwrap_or_default()
    }

    fn add(&mut self, declared: &Declared, labels: &[&str], set: impl FnOnce(&mut Metric)) {
        let mut metric = Metric::default();
        metric.set_label(declared.labels.iter().zip(labels).map(|(name, value)| label(name, value)).collect());
        set(&mut metric);
        self.0.entry(declared.name).or_insert_with(|| family(declared)).mut_metric().push(metric);
    }
}

fn family(declared: &Declared) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(declared.name.to_owned());
    family.set_help(declared.help.to_owned());
    family.set_field_type(match declared.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    family
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut page = Exposition::default();
        page.counter(&metrics::STAGE_FAULTS, &["a\"b", "trap"], 2);
        page.counter(&metrics::STAGE_FAULTS, &["c", "busy"], 1);
        page.gauge(&metrics::SESSIONS, &[], 3.0);
        let histogram = Histogram::of_parts(&[0.1, 1.0], &[1, 2], 4, 9.5);
        page.histogram(&metrics::CALL_DURATION, &[], &histogram);
        let text = page.text();
        for line in [
            "# TYPE cardea_stage_faults_total counter",
            r#"cardea_stage_faults_total{stage="a\"b",fault="trap"} 2"#,
            r#"cardea_stage_faults_total{stage="c",fault="busy"} 1"#,
            "cardea_sessions 3",
            r#"cardea_call_duration_seconds_bucket{le="1"} 3"#,
            r#"cardea_call_duration_seconds_bucket{le="+Inf"} 4"#,
            "cardea_call_duration_seconds_sum 9.5",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} is not in\n{text}");
        }
        assert_eq!(text.matches("# HELP cardea_stage_faults_total").count(), 1);
    }
}
