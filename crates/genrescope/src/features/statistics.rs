//! Mean and population variance.

/// Mean and population variance (`numpy.mean`, `numpy.var`), in the value's unit and its square.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Arithmetic mean; 0 of nothing.
    pub mean: f64,
    /// Mean squared distance from the mean; 0 of nothing.
    pub variance: f64,
}

/// Mean and population variance of some values.
pub fn statistics(values: impl IntoIterator<Item = f32, IntoIter: Clone>) -> Statistics {
    let values = values.into_iter();
    let (count, sum) = values.clone().fold((0_u64, 0.0), |(n, sum), x| (n + 1, sum + f64::from(x)));
    let count = count.max(1) as f64;
    let mean = sum / count;
    let squares: f64 = values.map(|x| (f64::from(x) - mean).powi(2)).sum();
    Statistics { mean, variance: squares / count }
}

/// Mean and variance of samples that come in pieces and are not kept; their mean is small beside their deviation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    sum: f64,
    squares: f64,
}

impl Sums {
    #[inline(always)]
    pub(super) fn add(&mut self, value: f32) {
        let value = f64::from(value);
        self.sum += value;
        self.squares += value * value;
    }

    /// Of `count` values, those that were not added being 0.
    pub(super) fn statistics(self, count: usize) -> Statistics {
        let count = count.max(1) as f64;
        let mean = self.sum / count;
        Statistics { mean, variance: (self.squares / count - mean * mean).max(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_are_those_written_out() {
        let values = [1.0_f32, 2.0, 4.0, 5.0];
        let expected = Statistics { mean: 3.0, variance: 2.5 };
        assert_eq!(statistics(values), expected);
        let mut sums = Sums::default();
        values.iter().for_each(|&x| sums.add(x));
        assert_eq!(sums.statistics(4), expected);
        assert_eq!(statistics([]), Statistics::default());
    }
}
