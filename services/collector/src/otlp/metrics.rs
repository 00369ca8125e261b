//! Metrics.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, Sum, SummaryDataPoint,
};
use prost::Message as _;

use super::attributes::texts;
use super::items::{Items, Step};
use crate::bounds::Entries;
use crate::collected::{Collected, Source};
use crate::metrics::{Key, LONGEST, Measure, Update};
use crate::wire::{Fields, Malformed, first};

/// The tag that tells the service.
const SERVICE: &str = "service.name";

/// The fields of a metric.
const NAME: u32 = 1;
const GAUGE: u32 = 5;
const SUM: u32 = 7;
const HISTOGRAM: u32 = 9;
const EXPONENTIAL_HISTOGRAM: u32 = 10;
const SUMMARY: u32 = 11;
/// Of data of each kind.
const DATA_POINTS: u32 = 1;

pub(super) async fn keep(collected: &Collected, message: &[u8], entries: &mut Entries) -> Result<(), Malformed> {
    let mut items = Items::of(message);
    while let Some(step) = items.step()? {
        entries.step().await;
        let Step::Item(metric) = step else { continue };
        let metric = Metric {
            collected,
            name: first(metric, NAME)?,
            service: items.service(),
            fields: Fields::of(metric),
        };
        metric.keep(entries).await?;
    }
    Ok(())
}

/// A metric, whose data points have not been looked at.
struct Metric<'a> {
    collected: &'a Collected,
    name: &'a [u8],
    service: &'a str,
    fields: Fields<'a>,
}

impl Metric<'_> {
    async fn keep(mut self, entries: &mut Entries) -> Result<(), Malformed> {
        let is_too_long = self.name.len() + self.service.len() > LONGEST;
        while let Some(data) = self.fields.next()? {
            if ![GAUGE, SUM, HISTOGRAM, EXPONENTIAL_HISTOGRAM, SUMMARY].contains(&data.number) {
                continue;
            }
            let setting = setting(data.content)?;
            let mut points = Fields::of(data.content);
            while let Some(bytes) = points.next_of(DATA_POINTS)? {
                entries.step().await;
                // What is too long is not to be copied for each of its points.
                if entries.admit(if is_too_long { usize::MAX } else { bytes.len() }) {
                    let (attributes, update) = point(data.number, &setting, bytes)?;
                    self.point(attributes, update);
                }
            }
        }
        Ok(())
    }

    fn point(&self, attributes: Vec<KeyValue>, update: Update) {
        let mut tags = texts(attributes);
        if !self.service.is_empty() {
            tags.insert(SERVICE.to_owned(), self.service.to_owned());
        }
        let key = Key {
            name: String::from_utf8_lossy(self.name).into_owned(),
            source: Source::Otlp,
            tags,
        };
        self.collected.lock().metrics.update(key, update);
    }
}

/// What data say beside their points: whatever of it there is, has the numbers that it has in a sum.
fn setting(data: &[u8]) -> Result<Sum, Malformed> {
    let (mut fields, mut numbers) = (Fields::of(data), Vec::new());
    while let Some(field) = fields.next()? {
        if field.number != DATA_POINTS && field.content.is_empty() {
            numbers.extend_from_slice(field.whole);
        }
    }
    Ok(Sum::decode(&numbers[..])?)
}

/// A data point: whose it is, and what it tells.
fn point(kind: u32, setting: &Sum, bytes: &[u8]) -> Result<(Vec<KeyValue>, Update), Malformed> {
    let is_delta = is_delta(setting.aggregation_temporality());
    Ok(match kind {
        HISTOGRAM => {
            let point = HistogramDataPoint::decode(bytes)?;
            let measure = distribution(point.count, point.sum, point.min, point.max);
            (point.attributes, told(is_delta, measure))
        }
        EXPONENTIAL_HISTOGRAM => {
            let point = ExponentialHistogramDataPoint::decode(bytes)?;
            let measure = distribution(point.count, point.sum, point.min, point.max);
            (point.attributes, told(is_delta, measure))
        }
        SUMMARY => {
            let point = SummaryDataPoint::decode(bytes)?;
            let measure = distribution(point.count, Some(point.sum), None, None);
            (point.attributes, Update::Set(measure))
        }
        SUM => {
            let point = NumberDataPoint::decode(bytes)?;
            let value = number(&point);
            let measure = if setting.is_monotonic {
                Measure::Counter { value }
            } else {
                Measure::Gauge { value }
            };
            (point.attributes, told(is_delta, measure))
        }
        _ => {
            let point = NumberDataPoint::decode(bytes)?;
            let value = number(&point);
            (point.attributes, Update::Set(Measure::Gauge { value }))
        }
    })
}

fn told(is_delta: bool, measure: Measure) -> Update {
    if is_delta {
        Update::Add(measure)
    } else {
        Update::Set(measure)
    }
}

fn is_delta(temporality: AggregationTemporality) -> bool {
    temporality == AggregationTemporality::Delta
}

fn distribution(count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) -> Measure {
    Measure::Distribution {
        count,
        sum: sum.unwrap_or(0.0),
        // Of nothing, some say that the least is infinite.
        min: min.filter(|min| min.is_finite()),
        max: max.filter(|max| max.is_finite()),
    }
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(Value::AsDouble(value)) => value,
        Some(Value::AsInt(value)) => value as f64,
        None => 0.0,
    }
}
