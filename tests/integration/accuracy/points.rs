//! Where functions are tried: the ends of the range, where it gets hard, and bit patterns from everywhere.

use kiln_tests::draw::Draw;

/// A floating-point dtype under test; its numbers are held as `f64`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Float {
    F32,
    F64,
}

impl Float {
    /// The bits in its mantissa, the first one too, and the largest exponent.
    fn format(self) -> (i32, i32) {
        match self {
            Float::F32 => (24, 127),
            Float::F64 => (53, 1023),
        }
    }

    pub fn smallest_normal(self) -> f64 {
        match self {
            Float::F32 => f32::MIN_POSITIVE as f64,
            Float::F64 => f64::MIN_POSITIVE,
        }
    }

    pub fn nearest(self, x: f64) -> f64 {
        match self {
            Float::F32 => x as f32 as f64,
            Float::F64 => x,
        }
    }

    /// The place of a number that is no NaN in the order of all numbers; both zeros are at 0.
    pub fn rank(self, x: f64) -> i64 {
        let (magnitude, negative) = match self {
            Float::F32 => ((x as f32).abs().to_bits() as i64, x < 0.0),
            Float::F64 => (x.abs().to_bits() as i64, x < 0.0),
        };
        if negative { -magnitude } else { magnitude }
    }

    fn of_rank(self, rank: i64) -> f64 {
        let magnitude = match self {
            Float::F32 => f32::from_bits(rank.unsigned_abs() as u32) as f64,
            Float::F64 => f64::from_bits(rank.unsigned_abs()),
        };
        if rank < 0 { -magnitude } else { magnitude }
    }

    /// Any bit pattern, or one with an exponent of -14 to 13.
    fn any(self, draw: &mut Draw, moderate: bool) -> f64 {
        let bits = draw.bits();
        let exponent = |width: u64, bias: u64| (bias - 14 + (bits >> 11) % 28) << width;
        match (self, moderate) {
            (Float::F32, false) => f32::from_bits(bits as u32) as f64,
            (Float::F64, false) => f64::from_bits(bits),
            (Float::F32, true) => f32::from_bits((bits >> 32) as u32 & 0x807f_ffff | exponent(23, 127) as u32) as f64,
            (Float::F64, true) => f64::from_bits(draw.bits() & 0x800f_ffff_ffff_ffff | exponent(52, 1023)),
        }
    }

    /// The ends of the range and of other things.
    fn ends(self) -> Vec<f64> {
        let (digits, top) = self.format();
        let largest = self.of_rank(self.rank(f64::INFINITY) - 1);
        let epsilon = 2f64.powi(-digits);
        let ends =
            [0.0, self.of_rank(1), self.of_rank(2), self.smallest_normal(), epsilon, 1.0, largest, f64::INFINITY];
        let whole = [2.0, 3.0, 7.0, 10.0, 1.0 / epsilon, 0.5 / epsilon, 1e4, 1e6, 1e9, 1e20, 1e30, 1e10];
        // Where exponentials, their relatives and their inverses come to an end.
        let (over, under) = (std::f64::consts::LN_2 * (top + 1) as f64, std::f64::consts::LN_2 * (top + digits) as f64);
        let limits = [
            over,
            under,
            over + std::f64::consts::LN_2,
            over - 5.0,
            under - 40.0,
            over.sqrt(),
            (2.0 * under).sqrt(),
            (2.0 * over).sqrt(),
            (top + 1) as f64,
            (top + digits) as f64,
            (top - 1) as f64,
            14.0,
            27.3,
            9.0,
            19.1,
            37.5,
            5.9,
            27.2,
            20.0,
            36.7,
            2.5,
            3.5,
            1.5,
            0.5,
            0.25,
            0.7,
            0.3,
            0.1,
        ];
        ends.into_iter().chain(whole).chain(limits).map(|x| self.nearest(x)).collect()
    }

    /// Numbers near multiples of pi / 2, also those that come nearest in all of the range (by continued fractions).
    fn angles(self) -> Vec<f64> {
        let hardest: &[f64] = match self {
            Float::F32 => &[
                7.729_178_919_452_902e28,
                21_999_384_576.0,
                1.545_835_783_890_580_4e29,
                4.638_183_382_783_466e25,
                1_522_788_990_976.0,
                8.117_626_639_064_56e22,
                4.386_557_896_710_122_7e33,
                42_781_604.0,
                1.034_129_195_138_640_3e27,
                1.528_268_935_806_320_6e17,
            ],
            Float::F64 => &[
                5.319_372_648_326_541e255,
                3.576_149_729_694_266e39,
                3.924_293_714_572_882e298,
                6.426_511_099_577_231e173,
                1.393_072_633_683_446_5e259,
                9.312_926_614_229_972e204,
                3.828_182_777_258_898_3e59,
                1.124_852_074_580_442_8e89,
                1.027_758_426_052_51e185,
                2.454_357_918_166_442_6e76,
                1.598_628_900_054_361_2e74,
                2.168_471_445_109_238_7e20,
            ],
        };
        let quarters = (1..=400).map(|n| n as f64).chain((9..60).map(|e| 2f64.powi(e) + 1.0));
        quarters.map(|n| self.nearest(n * std::f64::consts::FRAC_PI_2)).chain(hardest.iter().copied()).collect()
    }

    /// Points with their neighbours, of both signs.
    fn around(self, points: &[f64], reach: i64) -> Vec<f64> {
        let top = self.rank(f64::INFINITY);
        let near = points.iter().flat_map(|&x| (-reach..=reach).map(move |d| self.rank(x) + d));
        let all = near.filter(|rank| (0..=top).contains(rank)).flat_map(|rank| {
            let x = self.of_rank(rank);
            [x, -x]
        });
        all.chain([f64::NAN]).collect()
    }

    /// Arguments of functions of one number, about `count` of them random.
    pub fn singles(self, count: usize) -> Vec<f64> {
        let mut draw = Draw(7);
        let mut points = self.around(&self.ends(), 3);
        points.extend(self.around(&self.angles(), 1));
        points.extend((0..count).map(|i| self.any(&mut draw, i % 3 != 0)));
        points
    }

    /// Arguments of functions of two numbers, about `count` of them random.
    pub fn pairs(self, count: usize) -> (Vec<f64>, Vec<f64>) {
        let mut draw = Draw(11);
        let ends = self.around(&self.ends(), 0);
        let mut pairs: Vec<(f64, f64)> = ends.iter().flat_map(|&a| ends.iter().map(move |&b| (a, b))).collect();
        let near_one = |draw: &mut Draw| self.of_rank(self.rank(1.0) + (draw.bits() % 4000) as i64 - 2000);
        pairs.extend((0..count).map(|i| match i % 8 {
            0 | 1 => (self.any(&mut draw, false), self.any(&mut draw, false)),
            2 => (self.any(&mut draw, false), self.any(&mut draw, true)),
            3 => (self.any(&mut draw, true), self.any(&mut draw, true)),
            // Beside a multiple of the second number.
            4 => {
                let b = self.any(&mut draw, i % 16 == 4);
                let factor = (draw.bits() >> (44 + draw.bits() % 20)) as f64;
                (self.of_rank(self.rank(self.nearest(b * factor).clamp(-1e30, 1e30)) + (draw.bits() % 5) as i64 - 2), b)
            }
            // Powers that are numbers: b log(a) within the range of exponents.
            5 => {
                let a = self.any(&mut draw, true).abs();
                (a, self.nearest(draw.float(-1.0, 1.0) * self.format().1 as f64 / a.log2()))
            }
            6 => {
                let a = near_one(&mut draw);
                (a, self.nearest(draw.float(-1.0, 1.0) * self.format().1 as f64 / a.log2()))
            }
            // Small whole numbers.
            _ => (draw.float(-40.0, 40.0).round(), draw.float(-40.0, 40.0).round()),
        }));
        pairs.into_iter().unzip()
    }
}
