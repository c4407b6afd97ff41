//! Logarithms and powers that are the same on every machine.
//!
//! Those of the system's library differ in the last digit from one to the next, and a run must not.
//! Only what IEEE 754 defines to the bit is used: the four operations, and the number's bits.

const LN_2: f64 = std::f64::consts::LN_2;

/// The natural logarithm of a positive, normal number.
pub(crate) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1_023;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1_023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)), whose argument is at most 0.172 here.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for odd in (0..11).rev() {
        sum = sum * square + 1.0 / f64::from(2 * odd + 1);
    }
    2.0 * s * sum + exponent as f64 * LN_2
}

/// e to the power of a number from -700 to 700; beyond, of the nearest that is within.
pub(crate) fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let twos = (x / LN_2 + 0.5).floor();
    let rest = x - twos * LN_2;
    let mut sum = 1.0;
    for n in (1..15).rev() {
        sum = 1.0 + rest / f64::from(n) * sum;
    }
    sum * f64::from_bits(((twos as i64 + 1_023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_systems() {
        for i in 1..2_000 {
            let x = f64::from(i) * 0.37;
            assert!((ln(x) - x.ln()).abs() < 1e-13, "ln {x}");
            let y = f64::from(i - 1_000) * 0.05;
            assert!((exp(y) / y.exp() - 1.0).abs() < 1e-13, "exp {y}");
        }
    }
}
