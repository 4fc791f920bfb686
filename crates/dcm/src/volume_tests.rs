use super::*;

/// Half a pixel down and two to the right: linear between pixels, air outside.
#[test]
fn slices_are_shifted_in_their_plane() {
    let mut slab = [0i16, 10, 20, 30, 40, 50, 60, 70, 80];
    shift(&mut slab, 3, [0.5, 0.0]);
    assert_eq!(slab, [15, 25, 35, 45, 55, 65, -482, -477, -472]);
    let mut slab = [0i16, 10, 20, 30, 40, 50];
    shift(&mut slab, 3, [0.0, -1.0]);
    assert_eq!(slab, [-1024, 0, 10, -1024, 30, 40]);
}
