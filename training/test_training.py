"""Checks without data: python -m unittest test_training (in this folder)."""
import pathlib
import tempfile
import unittest

import numpy as np
import torch

import data
import export
import marks
import measure
import network
import targets
import warm


class Conventions(unittest.TestCase):
    def test_a_target_decodes_to_its_own_place_and_size(self):
        place, diameter = (21.3, 30.0, 17.9), 6.5
        heat, weight, regression = targets.tile_targets(48, [(place, diameter, 0.5)], [], np.ones((12,) * 3, bool))
        peaks = heat == 1
        self.assertIn(peaks.sum(), range(4, 13))
        self.assertAlmostEqual(weight[peaks].sum(), 0.5, 5)  # all of them together weigh what the nodule does
        self.assertAlmostEqual(regression[0].sum(), 0.5 * targets.REGRESSED_CELLS, 4)
        head = np.concatenate([np.log(heat.clip(1e-6, 1 - 1e-6) / (1 - heat.clip(1e-6, 1 - 1e-6)))[None], regression[1:]])
        found = marks.head_marks(head, score_min=0.9)
        for mark in found:  # every peak says the same
            np.testing.assert_allclose(mark[:4], [*place, diameter], atol=1e-4)
        self.assertEqual(len(marks.merge(found)), 1)

    def test_where_the_grid_lies_does_not_matter(self):
        for shift in np.random.default_rng(1).uniform(0, 4, (20, 3)):
            heat, weight, _ = targets.tile_targets(48, [(20 + shift, 6.0, 1.0)], [], np.ones((12,) * 3, bool))
            self.assertGreaterEqual((heat == 1).sum(), 4)
            self.assertAlmostEqual(weight[heat == 1].sum(), 1, 5)

    def test_near_nodules_share_no_cell(self):
        pair = [((20.0, 20.0, 18.0), 6.0, 1.0), ((20.0, 20.0, 26.0), 6.0, 1.0)]
        heat, _, regression = targets.tile_targets(48, pair, [], np.ones((12,) * 3, bool))
        head = np.concatenate([np.where(heat == 1, 9.0, -9.0)[None], regression[1:]])
        found = marks.merge(marks.head_marks(head, score_min=0.9))
        np.testing.assert_allclose(sorted(found[:, 2]), [18, 26], atol=1e-3)

    def test_the_rim_of_a_cube_teaches_nothing(self):
        allowed = np.zeros((12,) * 3, bool)
        heat, weight, regression = targets.tile_targets(48, [((20, 20, 20), 6.0, 1.0)], [], allowed)
        self.assertEqual(weight.sum(), 0)
        self.assertEqual(regression[0].sum(), 0)

    def test_a_cut_without_change_gives_the_voxels(self):
        volume = np.random.default_rng(0).integers(0, 255, (20, 22, 24)).astype(np.uint8)
        tile = data.cut(volume, np.array([9.5, 10.5, 11.5]), (1, 1, 1), np.eye(3), 8)
        np.testing.assert_allclose(tile, volume[6:14, 7:15, 8:16] / 255, atol=1e-4)

    def test_a_turned_cut_puts_the_place_where_the_matrix_says(self):
        volume = np.zeros((40, 40, 40), np.uint8)
        volume[20, 22, 25] = 255
        matrix, _ = data.random_matrix(np.random.default_rng(3))
        centre = np.array([19.0, 20.0, 21.0])
        tile = data.cut(volume, centre, (1, 1, 1), matrix, 32)
        want = np.linalg.inv(matrix) @ (np.array([20, 22, 25]) - centre) + 15.5
        self.assertLess(np.linalg.norm(np.array(np.unravel_index(tile.argmax(), tile.shape)) - want), 1.0)

    def test_looks_agree_by_the_mean_of_their_logits_and_places(self):
        mark = lambda z, score: [z, 0.0, 0.0, 6.0, score]
        found = marks.agreed([np.array([mark(10, 0.9), mark(50, 0.9)]), np.array([mark(12, 0.4)])], 0.02)
        logit = lambda p: np.log(p / (1 - p))
        want = [((0.9 * 10 + 0.4 * 12) / 1.3, marks.sigmoid((logit(0.9) + logit(0.4)) / 2)), (50, marks.sigmoid((logit(0.9) + logit(3e-4)) / 2))]
        np.testing.assert_allclose(found[:, [0, 4]], want)

    def test_networks_keep_the_stated_grids(self):
        x = torch.zeros(1, 1, 64, 64, 64)
        self.assertEqual(tuple(network.Detector().eval()(x).shape), (1, 5, 16, 16, 16))
        self.assertEqual(tuple(network.Segmenter().eval()(x).shape), (1, 1, 64, 64, 64))

    def test_about_a_fifth_of_patients_is_held_out(self):
        share = np.mean([data.held_out(f"LIDC-IDRI-{n:04d}") for n in range(1, 1011)])
        self.assertTrue(0.15 < share < 0.25, share)


class Warm(unittest.TestCase):
    def test_an_exported_network_is_taken_back_whole(self):
        torch.manual_seed(0)
        for make, role in ((network.Detector, "detector"), (network.Segmenter, "segmenter")):
            first = make()
            for module in first.modules():
                if isinstance(module, torch.nn.BatchNorm3d):
                    module.running_mean.normal_(std=0.1), module.running_var.uniform_(0.5, 2)
                    module.weight.data.uniform_(0.5, 2), module.bias.data.normal_()
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                torch.save({"averaged": first.state_dict()}, folder / "net.pt")
                export.export(role, folder / "net.pt", folder / "net.onnx")
                batches = [(np.random.default_rng(i).random((2, 1, 32, 32, 32), np.float32),) for i in range(2)]
                second = warm.start_from(folder / "net.onnx", make(), batches, lambda net, x: net(x))
            x = torch.rand(1, 1, 32, 32, 32)
            with torch.no_grad():
                np.testing.assert_allclose(second.eval()(x), first.eval()(x), rtol=1e-3, atol=1e-3)


class Luna16(unittest.TestCase):
    """Vectors of the published script: nodule of 10 mm at the origin."""

    def curve(self, found, ignored=(), scans=1):
        hits, false = measure.judge(np.array(found, float), [((0, 0, 0), 10.0)], ignored)
        return measure.curve_at(hits, false[:, 4], scans).tolist()

    def test_just_inside_is_found(self):
        self.assertEqual(self.curve([[4.999, 0, 0, 5, 0.9]]), [1] * 7)

    def test_on_the_radius_is_missed(self):
        self.assertEqual(self.curve([[5.0, 0, 0, 5, 0.9]]), [0] * 7)

    def test_a_second_mark_is_no_false_mark(self):
        self.assertEqual(self.curve([[1, 0, 0, 5, 0.9], [2, 0, 0, 5, 0.4]]), [1] * 7)

    def test_an_excluded_point_of_unknown_size_reaches_5_mm(self):
        excluded = [((50, 0, 0), -1)]
        self.assertEqual(self.curve([[54.9, 0, 0, 5, 0.9], [0, 0, 0, 5, 0.8]], excluded), [1] * 7)
        self.assertEqual(self.curve([[55.0, 0, 0, 5, 0.9], [0, 0, 0, 5, 0.8]], excluded), [0, 0, 0, 1, 1, 1, 1])

    def test_a_false_mark_above_in_two_scans(self):
        self.assertEqual(self.curve([[0, 0, 0, 5, 0.5], [90, 0, 0, 5, 0.9]], scans=2), [0, 0, 1, 1, 1, 1, 1])


if __name__ == "__main__":
    unittest.main()
