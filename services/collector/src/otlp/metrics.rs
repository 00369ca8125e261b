//! Metrics.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, NumberDataPoint, ResourceMetrics};

use super::attributes::{service, texts};
use crate::collected::{Collected, Source};
use crate::metrics::{Key, Measure, Metrics, Update};

/// The tag that tells the service.
const SERVICE: &str = "service.name";

pub(super) fn keep(collected: &Collected, resources: Vec<ResourceMetrics>) {
    let mut inner = collected.lock();
    for resource in resources {
        let service = service(resource.resource);
        for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            let mut points = Points {
                metrics: &mut inner.metrics,
                name: &metric.name,
                service: &service,
            };
            points.data(metric.data);
        }
    }
}

/// Where the data points of a metric go.
struct Points<'a> {
    metrics: &'a mut Metrics,
    name: &'a str,
    service: &'a str,
}

impl Points<'_> {
    fn data(&mut self, data: Option<Data>) {
        match data {
            Some(Data::Gauge(gauge)) => {
                for point in gauge.data_points {
                    let value = number(&point);
                    self.point(point.attributes, Update::Set(Measure::Gauge { value }));
                }
            }
            Some(Data::Sum(sum)) => {
                let (is_delta, is_monotonic) = (is_delta(sum.aggregation_temporality()), sum.is_monotonic);
                for point in sum.data_points {
                    let value = number(&point);
                    let measure = if is_monotonic {
                        Measure::Counter { value }
                    } else {
                        Measure::Gauge { value }
                    };
                    self.point(point.attributes, told(is_delta, measure));
                }
            }
            Some(Data::Histogram(histogram)) => {
                let is_delta = is_delta(histogram.aggregation_temporality());
                for point in histogram.data_points {
                    let measure = distribution(point.count, point.sum, point.min, point.max);
                    self.point(point.attributes, told(is_delta, measure));
                }
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                let is_delta = is_delta(histogram.aggregation_temporality());
                for point in histogram.data_points {
                    let measure = distribution(point.count, point.sum, point.min, point.max);
                    self.point(point.attributes, told(is_delta, measure));
                }
            }
            Some(Data::Summary(summary)) => {
                for point in summary.data_points {
                    let measure = distribution(point.count, Some(point.sum), None, None);
                    self.point(point.attributes, Update::Set(measure));
                }
            }
            None => {}
        }
    }

    fn point(&mut self, attributes: Vec<KeyValue>, update: Update) {
        let mut tags = texts(attributes);
        if !self.service.is_empty() {
            tags.insert(SERVICE.to_owned(), self.service.to_owned());
        }
        let key = Key {
            name: self.name.to_owned(),
            source: Source::Otlp,
            tags,
        };
        self.metrics.update(key, update);
    }
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
        min,
        max,
    }
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(Value::AsDouble(value)) => value,
        Some(Value::AsInt(value)) => value as f64,
        None => 0.0,
    }
}
