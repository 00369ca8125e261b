//! The service, as Envoys ask it.

use envoy_types::pb::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;
use envoy_types::pb::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::RateLimitOverride;
use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_response::rate_limit::Unit as WireUnit;
use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_response::{Code, DescriptorStatus, RateLimit};
use envoy_types::pb::envoy::service::ratelimit::v3::rate_limit_service_server::RateLimitService;
use envoy_types::pb::envoy::service::ratelimit::v3::{RateLimitRequest, RateLimitResponse};
use envoy_types::pb::envoy::r#type::v3::RateLimitUnit;
use envoy_types::pb::google::protobuf::Duration;
use tonic::{Request, Response, Status};

use crate::counters::Counted;
use crate::limits::Limits;
use crate::rules::{Limit, Unit};

/// How many descriptors a request may have.
const MOST_DESCRIPTORS: usize = 100;

/// The service.
pub(crate) struct Service(pub(crate) Limits);

#[tonic::async_trait]
impl RateLimitService for Service {
    async fn should_rate_limit(
        &self,
        request: Request<RateLimitRequest>,
    ) -> Result<Response<RateLimitResponse>, Status> {
        let request = request.into_inner();
        if request.domain.is_empty() || request.descriptors.is_empty() {
            return Err(Status::invalid_argument("a domain and a descriptor are asked for"));
        }
        if request.descriptors.len() > MOST_DESCRIPTORS {
            return Err(Status::invalid_argument(format!(
                "there are at most {MOST_DESCRIPTORS} descriptors in a request"
            )));
        }
        let hits = u64::from(request.hits_addend.max(1));
        let statuses = request.descriptors.iter();
        let statuses = statuses.map(|descriptor| self.status(&request.domain, descriptor, hits));
        let statuses = statuses.collect::<Result<Vec<_>, _>>()?;
        let is_over = statuses.iter().any(|status| status.code() == Code::OverLimit);
        let overall = if is_over { Code::OverLimit } else { Code::Ok };
        Ok(Response::new(RateLimitResponse {
            overall_code: overall.into(),
            statuses,
            ..RateLimitResponse::default()
        }))
    }
}

impl Service {
    fn status(&self, domain: &str, descriptor: &RateLimitDescriptor, hits: u64) -> Result<DescriptorStatus, Status> {
        let hits = descriptor.hits_addend.as_ref().map_or(hits, |own| own.value);
        let own = descriptor.limit.as_ref().map(own_limit).transpose()?;
        let counted = self.0.hit(domain, &descriptor.entries, own, hits);
        let counted = counted.map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(counted.map_or_else(unlimited, |(limit, counted)| limited(limit, counted)))
    }
}

fn unlimited() -> DescriptorStatus {
    DescriptorStatus {
        code: Code::Ok.into(),
        ..DescriptorStatus::default()
    }
}

fn limited(limit: Limit, counted: Counted) -> DescriptorStatus {
    let code = if counted.is_over { Code::OverLimit } else { Code::Ok };
    let unit = match limit.unit {
        Unit::Second => WireUnit::Second,
        Unit::Minute => WireUnit::Minute,
        Unit::Hour => WireUnit::Hour,
        Unit::Day => WireUnit::Day,
    };
    DescriptorStatus {
        code: code.into(),
        current_limit: Some(RateLimit {
            name: String::new(),
            requests_per_unit: limit.requests_per_unit,
            unit: unit.into(),
        }),
        limit_remaining: counted.remaining,
        duration_until_reset: Some(Duration {
            seconds: i64::try_from(counted.until_reset.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(counted.until_reset.subsec_nanos()).unwrap_or(0),
        }),
        quota: None,
    }
}

fn own_limit(own: &RateLimitOverride) -> Result<Limit, Status> {
    let unit = match own.unit() {
        RateLimitUnit::Second => Unit::Second,
        RateLimitUnit::Minute => Unit::Minute,
        RateLimitUnit::Hour => Unit::Hour,
        RateLimitUnit::Day => Unit::Day,
        other => {
            return Err(Status::invalid_argument(format!(
                "the unit of a limit is SECOND, MINUTE, HOUR or DAY, not {}",
                other.as_str_name()
            )));
        }
    };
    Ok(Limit {
        unit,
        requests_per_unit: own.requests_per_unit,
    })
}
