//! Which way the patient lies in a picture: the letters at its edges.

use domain::Affine;

/// Patient directions at the edges of a slice as stored: `R L A P H F`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeLetters {
    /// Towards the first column.
    pub left: &'static str,
    /// Towards the last column.
    pub right: &'static str,
    /// Towards the first row.
    pub top: &'static str,
    /// Towards the last row.
    pub bottom: &'static str,
}

/// Letter of the patient direction that a step mostly follows (LPS: x to the left, y to the back, z to the head).
#[must_use]
pub fn direction_letter(step: [f64; 3]) -> &'static str {
    let mut axis = 0;
    for i in 1..3 {
        if step[i].abs() > step[axis].abs() {
            axis = i;
        }
    }
    match (axis, step[axis] > 0.0) {
        (0, true) => "L",
        (0, false) => "R",
        (1, true) => "P",
        (1, false) => "A",
        (_, true) => "H",
        (_, false) => "F",
    }
}

/// Letters of a volume's slices, from its affine.
#[must_use]
pub fn edge_letters(affine: &Affine) -> EdgeLetters {
    let [_, row, column] = affine.steps_zyx();
    let back = |step: [f64; 3]| direction_letter(step.map(|v| -v));
    EdgeLetters {
        left: back(column),
        right: direction_letter(column),
        top: back(row),
        bottom: direction_letter(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::LpsPoint;

    /// Supine and prone slices have the letters of their own rows and columns.
    #[test]
    fn letters_follow_the_affine() {
        let at = LpsPoint { x: 0.0, y: 0.0, z: 0.0 };
        let letters = |row: [f64; 3], column: [f64; 3]| {
            let e = edge_letters(&Affine::new(at, [0.0, 0.0, 1.0], row, column).unwrap());
            [e.left, e.right, e.top, e.bottom].concat()
        };
        assert_eq!(letters([0.0, 0.7, 0.0], [0.7, 0.0, 0.0]), "RLAP");
        assert_eq!(letters([0.0, -0.7, 0.0], [-0.7, 0.0, 0.0]), "LRPA");
        assert_eq!(letters([0.0, 0.6, -0.1], [-0.7, 0.0, 0.0]), "LRAP");
    }
}
