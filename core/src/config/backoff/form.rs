//! The written forms of schedules and jitter; see [`crate::config::form`].

use alloc::{string::String, vec::Vec};

use super::{Jitter, Schedule};
use crate::config::{
    form::{given, refuse_others, required},
    human::{Span, SpanOrOff},
};

#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ScheduleForm {
    kind: ScheduleKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor_ppm: Option<u32>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    cap: Option<SpanOrOff>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delays: Option<Vec<Span>>,
}

#[derive(Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ScheduleKind {
    #[default]
    Exponential,
    Linear,
    Fixed,
    List,
}

#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct JitterForm {
    kind: JitterKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    below_ppm: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    above_ppm: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cap: Option<Span>,
}

#[derive(Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum JitterKind {
    None,
    #[default]
    Full,
    Equal,
    Proportional,
    Additive,
    Decorrelated,
}

impl TryFrom<ScheduleForm> for Schedule {
    type Error = String;

    fn try_from(form: ScheduleForm) -> Result<Self, String> {
        let (tag, fields): (_, &[_]) = match form.kind {
            ScheduleKind::Exponential => ("kind `exponential`", &["base", "factor_ppm", "cap"]),
            ScheduleKind::Linear => ("kind `linear`", &["step", "cap"]),
            ScheduleKind::Fixed => ("kind `fixed`", &["delay"]),
            ScheduleKind::List => ("kind `list`", &["delays"]),
        };
        let present = [
            ("base", form.base.is_some()),
            ("factor_ppm", form.factor_ppm.is_some()),
            ("cap", form.cap.is_some()),
            ("step", form.step.is_some()),
            ("delay", form.delay.is_some()),
            ("delays", form.delays.is_some()),
        ];
        refuse_others(tag, fields, &present)?;
        let cap = form.cap.map_or(Some(Self::DEFAULT_CAP), |cap| cap.0);
        Ok(match form.kind {
            ScheduleKind::Exponential => Self::Exponential {
                base: form.base.map_or(Self::DEFAULT_BASE, |base| base.0),
                factor_ppm: form.factor_ppm.unwrap_or(Self::DEFAULT_FACTOR_PPM),
                cap,
            },
            ScheduleKind::Linear => Self::Linear { step: required(tag, "step", form.step)?.0, cap },
            ScheduleKind::Fixed => Self::Fixed { delay: required(tag, "delay", form.delay)?.0 },
            ScheduleKind::List => {
                let delays = required(tag, "delays", form.delays)?;
                Self::List { delays: delays.into_iter().map(|delay| delay.0).collect() }
            }
        })
    }
}

impl From<Schedule> for ScheduleForm {
    fn from(schedule: Schedule) -> Self {
        let empty = Self::default();
        match schedule {
            Schedule::Exponential { base, factor_ppm, cap } => Self {
                kind: ScheduleKind::Exponential,
                base: Some(Span(base)),
                factor_ppm: Some(factor_ppm),
                cap: Some(SpanOrOff(cap)),
                ..empty
            },
            Schedule::Linear { step, cap } => {
                Self { kind: ScheduleKind::Linear, step: Some(Span(step)), cap: Some(SpanOrOff(cap)), ..empty }
            }
            Schedule::Fixed { delay } => Self { kind: ScheduleKind::Fixed, delay: Some(Span(delay)), ..empty },
            Schedule::List { delays } => {
                Self { kind: ScheduleKind::List, delays: Some(delays.into_iter().map(Span).collect()), ..empty }
            }
        }
    }
}

impl TryFrom<JitterForm> for Jitter {
    type Error = String;

    fn try_from(form: JitterForm) -> Result<Self, String> {
        let (tag, fields): (_, &[_]) = match form.kind {
            JitterKind::None => ("kind `none`", &[]),
            JitterKind::Full => ("kind `full`", &["floor"]),
            JitterKind::Equal => ("kind `equal`", &[]),
            JitterKind::Proportional => ("kind `proportional`", &["below_ppm", "above_ppm"]),
            JitterKind::Additive => ("kind `additive`", &["max"]),
            JitterKind::Decorrelated => ("kind `decorrelated`", &["base", "cap"]),
        };
        let present = [
            ("floor", form.floor.is_some()),
            ("below_ppm", form.below_ppm.is_some()),
            ("above_ppm", form.above_ppm.is_some()),
            ("max", form.max.is_some()),
            ("base", form.base.is_some()),
            ("cap", form.cap.is_some()),
        ];
        refuse_others(tag, fields, &present)?;
        Ok(match form.kind {
            JitterKind::None => Self::None,
            JitterKind::Full => Self::Full { floor: form.floor.map_or(Self::DEFAULT_FLOOR, |floor| floor.0) },
            JitterKind::Equal => Self::Equal,
            JitterKind::Proportional => Self::Proportional {
                below_ppm: form.below_ppm.unwrap_or_default(),
                above_ppm: form.above_ppm.unwrap_or_default(),
            },
            JitterKind::Additive => Self::Additive { max: required(tag, "max", form.max)?.0 },
            JitterKind::Decorrelated => {
                Self::Decorrelated { base: required(tag, "base", form.base)?.0, cap: required(tag, "cap", form.cap)?.0 }
            }
        })
    }
}

impl From<Jitter> for JitterForm {
    fn from(jitter: Jitter) -> Self {
        let empty = Self::default();
        match jitter {
            Jitter::None => Self { kind: JitterKind::None, ..empty },
            Jitter::Full { floor } => Self { kind: JitterKind::Full, floor: Some(Span(floor)), ..empty },
            Jitter::Equal => Self { kind: JitterKind::Equal, ..empty },
            Jitter::Proportional { below_ppm, above_ppm } => {
                Self { kind: JitterKind::Proportional, below_ppm: Some(below_ppm), above_ppm: Some(above_ppm), ..empty }
            }
            Jitter::Additive { max } => Self { kind: JitterKind::Additive, max: Some(Span(max)), ..empty },
            Jitter::Decorrelated { base, cap } => {
                Self { kind: JitterKind::Decorrelated, base: Some(Span(base)), cap: Some(Span(cap)), ..empty }
            }
        }
    }
}
