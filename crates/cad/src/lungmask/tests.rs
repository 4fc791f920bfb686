//! Against numbers that scipy 1.17 and lungmask 0.2.22 gave for the same small arrays.

use super::*;
use domain::{Affine, LpsPoint};

/// Pictures of numbers that any language makes alike.
fn pattern(rows: usize, columns: usize) -> Array2<i16> {
    Array2::from_shape_fn((rows, columns), |(y, x)| {
        let hash = ((y * 31 + x * 17 + 1) as u32).wrapping_mul(2_654_435_761) >> 20;
        (hash % 1600) as i16 - 1000
    })
}

/// Goal: pictures are resized as `scipy.ndimage.zoom` does. Method: its numbers, up, down and to one row.
#[test]
fn zoom_is_that_of_scipy() {
    let from = pattern(5, 7);
    let rows = |picture: Array2<i16>| picture.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>();
    let nearest = |to| rows(zoom::nearest(from.view(), to));
    let linear = |to| rows(zoom::linear(from.view(), to));
    assert_eq!(
        nearest([4, 9]),
        [
            [-69, -490, -15, -15, -436, 39, -382, -382, 93],
            [582, 161, -964, -964, 215, -910, 269, 269, -856],
            [-611, -136, -557, -557, -82, -503, -28, -28, -449],
            [41, 516, 95, 95, 570, 149, -976, -976, 203]
        ]
    );
    assert_eq!(
        linear([4, 9]),
        [
            [-69, -385, -253, -120, -436, -80, -172, -263, 93],
            [266, -50, -451, -585, -101, -545, -370, -195, -639],
            [-529, -397, -414, -431, -299, -391, -333, -276, -367],
            [41, 397, 306, 214, 570, 254, -414, -681, 203]
        ]
    );
    assert_eq!(
        linear([8, 3]),
        [
            [-69, -436, 93],
            [303, -64, -449],
            [447, 80, -763],
            [-95, -462, -390],
            [-436, -547, -274],
            [-576, -175, -414],
            [-332, 197, -170],
            [41, 570, 203]
        ]
    );
    assert_eq!(linear([1, 5]), [[-69, -253, -436, -172, 93]]);
}

/// Goal: where rounding puts the last place past the end, scipy gives nothing, and so do we. Method: 30 to 8, where it does.
#[test]
fn what_rounding_puts_outside_is_empty() {
    let ones = Array2::from_elem((30, 30), 1u8);
    let small = zoom::nearest(ones.view(), [8, 8]);
    assert_eq!(small.iter().map(|v| usize::from(*v)).sum::<usize>(), 49);
    assert!(small.row(7).iter().chain(small.column(7)).all(|v| *v == 0));
}

/// An ellipse: middle row and column, half-axes, HU.
type Ellipse = [i64; 5];

fn picture(rows: usize, columns: usize, parts: &[Ellipse]) -> Array2<i16> {
    let mut hu = Array2::from_elem((rows, columns), -1000);
    for [middle_y, middle_x, half_y, half_x, value] in parts {
        for ((y, x), hu) in hu.indexed_iter_mut() {
            let (y, x) = ((y as i64 - middle_y) * half_x, (x as i64 - middle_x) * half_y);
            if y * y + x * x <= (half_y * half_x).pow(2) {
                *hu = *value as i16;
            }
        }
    }
    hu
}

/// Goal: the body's box, and the picture in it, are lungmask's. Method: its boxes, sums and pixels for a chest on a table,
/// a cut body, none, nothing but body, two bodies, a thin wall, and something too small to be one.
#[test]
fn slices_are_prepared_as_lungmask_does() {
    type Case<'a> = (usize, usize, &'a [Ellipse], [usize; 4], i64, [i16; 2]);
    let cases: &[Case<'_>] = &[
        (
            150,
            170,
            &[[70, 80, 45, 60, 40], [70, 55, 25, 18, -850], [70, 105, 25, 18, -850], [133, 90, 3, 70, 100]],
            [25, 20, 116, 141],
            -27_608_848,
            [-850, 40],
        ),
        (100, 90, &[[50, 10, 30, 25, 40]], [20, 1, 81, 36], -9_121_726, [40, 40]),
        (64, 64, &[], [0, 0, 64, 64], -65_536_000, [-1000, -1000]),
        (80, 80, &[[40, 40, 200, 200, 40]], [1, 1, 79, 79], 2_621_440, [40, 40]),
        (
            300,
            260,
            &[[140, 120, 100, 70, 40], [60, 230, 18, 14, 40], [140, 120, 60, 40, -900]],
            [39, 50, 242, 189],
            -28_874_424,
            [-402, -900],
        ),
        (
            90,
            100,
            &[[20, 20, 8, 9, 40], [60, 60, 22, 25, 40], [60, 60, 20, 23, -700]],
            [38, 35, 83, 86],
            -44_188_788,
            [-700, -700],
        ),
        (520, 512, &[[250, 260, 3, 3, 40]], [0, 0, 520, 512], -65_528_191, [-1000, -1000]),
    ];
    for (rows, columns, parts, [top, left, bottom, right], sum, pixels) in cases {
        let hu = picture(*rows, *columns, parts);
        let slice = prepared_slice(hu.view(), [-1024, 600], [256, 256]);
        let body = BodyBox { start: [*top, *left], end: [*bottom, *right] };
        assert_eq!(slice.body, body, "{rows} x {columns}");
        assert_eq!(slice.hu.iter().map(|v| i64::from(*v)).sum::<i64>(), *sum, "{rows} x {columns}");
        assert_eq!([slice.hu[[100, 60]], slice.hu[[200, 131]]], *pixels, "{rows} x {columns}");
    }
}

/// Goal: HU beyond the limits are clipped before they are mixed. Method: one bright pixel in tissue.
#[test]
fn hu_are_clipped_before_resizing() {
    let mut hu = Array2::from_elem((40, 40), 0);
    hu[[20, 20]] = 3000;
    let slice = prepared_slice(hu.view(), [-1024, 600], [256, 256]);
    assert!(slice.hu.iter().max() <= Some(&600));
}

/// Two lungs with holes, crumbs of each other and of a third label in and around them.
fn crumbled(dim: [usize; 3]) -> Array3<u8> {
    let [_, rows, columns] = dim;
    Array3::from_shape_fn(dim, |(z, y, x)| {
        let flat = (z * rows + y) * columns + x;
        let inside = y >= 1 && y < rows - 1;
        let lung = match x {
            _ if !inside => 0,
            x if x >= 1 && x < columns / 2 => 1,
            x if x > columns / 2 && x < columns - 1 => 2,
            _ => 0,
        };
        match (flat as u32).wrapping_mul(2_654_435_761) >> 24 {
            ..40 => 0,
            40..75 => 1,
            75..110 => 2,
            110..125 => 3,
            _ => lung,
        }
    })
}

/// Goal: crumbs go where lungmask puts them, to the voxel. Method: its answers, in full for a small volume, by count and
/// by a sum over all places for larger ones.
#[test]
fn labels_are_tidied_as_lungmask_does() {
    let tidy = tidied(crumbled([3, 6, 11]).view());
    let expected = [
        ["00101002000", "01011020220", "01110022200", "10111302220", "11101122022", "00103002000"],
        ["01001000020", "01110022200", "11111302220", "11111122222", "01113022220", "01001000020"],
        ["01010000000", "11111302220", "11101122022", "01113022220", "01011000220", "01000000000"],
    ];
    for (slice, expected) in tidy.outer_iter().zip(expected) {
        for (row, expected) in slice.outer_iter().zip(expected) {
            assert_eq!(row.iter().map(ToString::to_string).collect::<String>(), expected);
        }
    }
    for (dim, counts, sum) in [
        ([3, 6, 11], [89, 58, 45, 6], 78_721),
        ([4, 9, 14], [218, 160, 124, 2], 989_989),
        ([12, 20, 24], [1635, 2064, 2059, 2], 777_965),
    ] {
        let tidy = tidied(crumbled(dim).view());
        let count = |of: u8| tidy.iter().filter(|l| **l == of).count();
        assert_eq!([0, 1, 2, 3].map(count), counts, "{dim:?}");
        assert_eq!(tidy.iter().fold(0, |sum, l| (sum * 31 + u64::from(*l)) % 1_000_003), sum, "{dim:?}");
    }
    assert!(tidied(Array3::zeros((2, 3, 4)).view()).iter().all(|l| *l == 0));
}

/// Goal: of equal numbers the first class wins, of others the largest. Method: three classes, four pixels.
#[test]
fn the_largest_number_names_the_class() {
    let map = [[0.0, 1.0, -3.0, f32::MIN], [0.0, 2.0, -2.0, f32::MIN], [0.0, 1.5, -1.0, -9.0]];
    let map = Array3::from_shape_fn((3, 2, 2), |(c, y, x)| map[c][2 * y + x]);
    assert_eq!(strongest(map.view()), ndarray::array![[0, 1], [2, 2]]);
}

/// Goal: labels come back where their slice was cut out, in patient order for a scan stored upside down. Method: a body
/// whose box is known, labelled whole, in a volume whose slices and rows run backwards.
#[test]
fn labels_come_back_into_the_box() {
    let slice = picture(100, 90, &[[50, 40, 30, 25, 40]]);
    let mut hu = Array3::from_elem((3, 100, 90), -1000);
    hu.index_axis_mut(Axis(0), 0).assign(&slice.slice(s![..;-1, ..]));
    let origin = LpsPoint { x: 0.0, y: 0.0, z: 0.0 };
    let affine = Affine::new(origin, [0.0, 0.0, -5.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]).unwrap();
    let volume = Volume { hu, affine };
    let slices = prepared(&volume, [-1024, 600], [16, 16]);
    let body = slices[2].body;
    assert_eq!(body, body::body_box(slice.view()));
    let mut labels = Array3::zeros((3, 16, 16));
    labels.index_axis_mut(Axis(0), 2).fill(2);
    let whole = placed(labels.view(), &slices, &volume);
    for ((z, y, x), label) in whole.indexed_iter() {
        let inside =
            z == 2 && (body.start[0]..body.end[0]).contains(&y) && (body.start[1]..body.end[1]).contains(&x);
        assert_eq!(*label, if inside { 2 } else { 0 }, "{z} {y} {x}");
    }
}
