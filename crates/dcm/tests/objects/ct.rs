//! CT images of our own making.

use crate::{referees::check_valid, series::SmallSeries};
use dcm::ct::{self, CtSlice, Encoding, PixelSign};

/// Goal: every kind of CT file that we write is a valid one. Method: dciodvfy on each.
#[test]
fn written_slices_are_valid_ct_images() {
    for (sign, encoding) in [
        (PixelSign::Unsigned, Encoding::ExplicitLittleEndian),
        (PixelSign::Signed, Encoding::ExplicitLittleEndian),
        (PixelSign::Unsigned, Encoding::ImplicitLittleEndian),
    ] {
        let small = SmallSeries::new(|s| {
            s.pixel_sign = sign;
            s.encoding = encoding;
        });
        check_valid("ct.dcm", &small.files()[0]);
    }
}

/// Goal: the multi-frame form is valid too. Method: dciodvfy.
#[test]
fn written_multi_frame_is_a_valid_legacy_converted_ct() {
    check_valid("enhanced.dcm", &SmallSeries::new(|_| {}).multi_frame());
}

/// Goal: text outside ASCII and site character sets are written as declared. Method: dciodvfy.
#[test]
fn chinese_names_are_valid() {
    for set in [None, Some("GB18030")] {
        let small = SmallSeries::new(|s| {
            s.patient_name = "Wang^XiaoDong=王^小东".to_owned();
            s.character_set = set.map(str::to_owned);
        });
        check_valid("chinese.dcm", &small.files()[0]);
    }
}

/// Goal: a slice with too few pixels is refused, not padded.
#[test]
fn a_short_slice_is_refused() {
    let small = SmallSeries::new(|_| {});
    let slice = CtSlice {
        series: &small.series,
        sop_instance_uid: "1.2.3",
        instance_number: 1,
        image_position_patient_mm: [0.0; 3],
        hu: &small.hu[1..],
    };
    let error = ct::write_slice(&slice).unwrap_err().to_string();
    assert_eq!(error, "writing CT image: 479 pixels where 24 rows x 20 columns are needed");
}
