"""What a face does, apart from whose face it is, and what another face makes of it."""

import zipfile
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melies.errors import MediaError, UseError
from melies.faces.anatomy import LIPS_INNER, LIPS_OUTER, SKIN, canonical
from melies.faces.pose import pose_of
from melies.puppetry import template
from melies.puppetry.motion import STILL, Motion, Rest, angles, rotation_of
from melies.puppetry.parts import EYES, LIDS, LOWER_LIP, UPPER_LIP, UPPER_RIM, gape, gaze, opening
from melies.puppetry.performer import EASE, Cue
from melies.puppetry.retarget import FAR, LEAST, ROOM, Manner, Sitter

LIPS = np.concatenate([LIPS_INNER, LIPS_OUTER])


def somebody(turned=(0, 0, 0), scale=20.0, at=(300, 200), stretch=(1, 1, 1)):
    """The mean face with irises, stretched to be somebody, turned, and put into a picture: 478×3."""
    skin = canonical().points * np.array(stretch, np.float32)
    irises = []
    for rim, _ in EYES:
        middle = (skin[rim[0]] + skin[rim[8]]) / 2
        irises += [middle + np.array(way) for way in ((0, 0, 0), (0.3, 0, 0), (0, -0.3, 0), (-0.3, 0, 0), (0, 0.3, 0))]
    points = np.concatenate([skin, np.array(irises, np.float32)])
    return (scale * points @ rotation_of(np.array(turned)).T + np.array([*at, 0])).astype(np.float32)


def changed(points, change):
    """The face, at the front and in centimetres, changed by a function, and put back."""
    pose = pose_of(points)
    front = pose.from_picture(points)
    change(front)
    return pose.to_picture(front)


def shut(front):
    for upper, lower in LIDS:
        front[upper] = front[lower]


def agape(front):
    front[LOWER_LIP, 1] += 1.5
    front[[17, 84, 314, 152, 148, 377], 1] += 1.5


def front_of(points):
    return pose_of(points).from_picture(points)


@given(st.floats(-80, 80), st.floats(-70, 70), st.floats(-170, 170))
def test_angles_and_rotations_are_inverses(yaw, pitch, roll):
    wanted = np.array([yaw, pitch, roll])
    assert np.allclose(angles(rotation_of(wanted)), wanted, atol=1e-2)


def test_angles_are_those_of_poses():
    pose = pose_of(somebody((20, -10, 0)))
    assert np.allclose(angles(pose.rotation)[:2], (pose.yaw, pose.pitch), atol=0.01)


def test_a_face_at_rest_does_nothing():
    points = somebody((10, 5, -8))
    motion = Rest.of(points).motion(points)
    assert np.abs(motion.expression).max() < 1e-4
    assert np.abs(motion.turn).max() < 1e-3
    assert np.allclose(motion.lids, 1)
    assert np.abs(motion.gaze).max() < 1e-5


@pytest.mark.parametrize("turned", [(0, 0, 0), (25, -10, 15)])
def test_turning_moving_and_growing_are_no_expression(turned):
    rest = Rest.of(somebody())
    motion = rest.motion(somebody(turned, scale=22, at=(340, 180)))
    assert np.abs(motion.expression).max() < 1e-3
    assert np.allclose(motion.turn, turned, atol=0.05)
    assert motion.growth == pytest.approx(1.1, abs=1e-3)
    assert np.allclose(motion.shift, (2, -1), atol=0.02)


def test_the_performers_shape_is_not_in_the_motion():
    """Two people of different faces who do the same ask for nearly the same."""
    motions = []
    for stretch in ((1, 1, 1), (0.85, 1.1, 1)):
        points = somebody(stretch=stretch)
        motions.append(Rest.of(points).motion(changed(points, agape)))
    one, other = (motion.expression[LOWER_LIP, 1] for motion in motions)
    assert one.mean() > 1
    assert np.allclose(one, other, atol=0.4)
    assert np.abs(motions[1].expression[[10, 234, 454]]).max() < 0.3


@pytest.mark.parametrize("turned", [(0, 0, 0), (-35, -10, 8)])
def test_rest_leaves_the_portrait_as_it_is(turned):
    points = somebody(turned)
    assert np.array_equal(Sitter(points).moved(STILL), points)
    assert np.array_equal(Sitter(points).moved(replace(STILL, turn=np.full(3, 9, np.float32)), Manner(gain=0)), points)


@pytest.mark.parametrize("turned", [(0, 0, 0), (-35, -10, 8), (25, 5, 0)])
@pytest.mark.parametrize("stretch", [(1, 1, 1), (0.9, 1.1, 1)])
def test_closed_eyes_close_and_open_ones_are_as_open_as_the_portraits(turned, stretch):
    driver, portrait = somebody(), somebody(turned, stretch=stretch)
    rest, sitter = Rest.of(driver), Sitter(portrait)
    blinking = front_of(sitter.moved(rest.motion(changed(driver, shut))))
    for rim, _ in EYES:
        assert opening(blinking, rim) < 0.1 * opening(front_of(portrait), rim)
    half = replace(STILL, lids=np.array([0.5, 1], np.float32))
    seen, before = front_of(sitter.moved(half)), front_of(portrait)
    assert opening(seen, EYES[0][0]) == pytest.approx(0.5 * opening(before, EYES[0][0]), rel=0.15)
    assert opening(seen, EYES[1][0]) == pytest.approx(opening(before, EYES[1][0]), rel=0.02)


def test_an_eye_that_is_winked_with_closes_though_lashes_keep_its_lids_apart():
    """Measured in films: a closed eye is .06 to .1 of its width high, and .15 while the other one is open."""
    upper, lower = LIDS[0]

    def wink(front):
        front[upper] = front[lower] + 0.6 * (front[upper] - front[lower])

    rest = Rest.of(somebody())
    winking = changed(somebody(), wink)
    assert 0.1 < opening(front_of(winking), EYES[0][0]) < 0.2
    lids = rest.motion(winking).lids
    assert lids[0] < 0.15
    assert lids[1] == pytest.approx(1, abs=0.05)
    blink = changed(somebody(), lambda front: front.__setitem__(upper, front[lower]))
    assert rest.motion(somebody(), blink).lids[0] == 0, "one frame is enough, however steady the mesh"


def test_irises_go_where_the_performer_looks_and_stay_in_the_eye():
    sitter = Sitter(somebody((-30, 0, 0)))
    for look in (0.1, -0.1, 5.0):
        aside = replace(STILL, gaze=np.full((2, 2), (look, 0), np.float32))
        front = front_of(sitter.moved(aside))
        for rim, iris in EYES:
            seen = gaze(front, rim, iris)[0]
            assert np.sign(seen) == np.sign(look)
            assert abs(seen) < 0.35
            assert seen == pytest.approx(look, abs=0.05) or look == 5


def test_irises_move_by_shares_of_the_visible_eye_whatever_their_depth():
    portrait = somebody((-37, 0, 0))
    portrait[468:, 2] += 25
    sitter = Sitter(portrait)
    for look in (-0.15, 0.1):
        aside = replace(STILL, gaze=np.full((2, 2), (look, 0), np.float32))
        moved = sitter.moved(aside)
        for rim, iris in EYES:
            assert gaze(moved, rim, iris)[0] - gaze(portrait, rim, iris)[0] == pytest.approx(look, abs=0.02)
            assert np.allclose(np.ptp(moved[iris], 0), np.ptp(portrait[iris], 0), atol=0.1)


def test_lips_part_in_proportion_to_the_mouth_and_never_cross():
    driver, portrait = somebody(), somebody((-30, -8, 5), stretch=(0.8, 1, 1))
    rest, sitter = Rest.of(driver), Sitter(portrait)
    motion = rest.motion(changed(driver, agape))
    wide = gape(front_of(sitter.moved(motion)))
    assert wide == pytest.approx(motion.gape, abs=0.12)
    assert gape(front_of(sitter.moved(replace(motion, gape=0.0)))) < gape(front_of(portrait))
    pursed = replace(STILL, expression=STILL.expression.copy(), gape=0.0, calm=0.3)
    pursed.expression[UPPER_LIP, 1] += 3
    front = front_of(sitter.moved(pursed))
    assert (front[LOWER_LIP, 1] - front[UPPER_LIP, 1] > -0.02).all()


def test_lips_of_an_open_mouth_stay_as_thick_as_at_rest_and_pressed_ones_grow_thin():
    portrait = somebody()
    pressed = replace(STILL, expression=STILL.expression.copy())
    pressed.expression[UPPER_LIP, 1] -= 0.3
    thick = [
        float((front[UPPER_LIP, 1] - front[UPPER_RIM, 1]).mean())
        for front in (
            front_of(portrait),
            *(front_of(Sitter(portrait).moved(replace(pressed, gape=g))) for g in (0, 0.6)),
        )
    ]
    assert thick[1] < 0.95 * thick[0]
    assert thick[2] == pytest.approx(thick[0], rel=0.03)


def test_lips_a_little_apart_at_rest_are_no_reason_to_keep_the_portraits_closed():
    closed = changed(somebody(), lambda front: front.__setitem__(LIPS_INNER[11:20], front[LIPS_INNER[9:0:-1]]))
    sitter = Sitter(closed)
    apart = [gape(front_of(sitter.moved(replace(STILL, gape=now, calm=0.2)))) for now in (0.0, 0.1, 0.2, 0.4)]
    assert np.allclose(apart, (0, 0.1, 0.2, 0.4), atol=0.03)


def test_a_grin_opens_a_mouth_no_further_that_smiles_with_its_teeth_but_one_that_is_only_parted():
    closed = changed(somebody(), lambda front: front.__setitem__(LIPS_INNER[11:20], front[LIPS_INNER[9:0:-1]]))
    parted = changed(closed, lambda front: front.__setitem__((LOWER_LIP, 1), front[LOWER_LIP, 1] + 0.6))
    smiling = changed(closed, lambda front: front.__setitem__((LOWER_LIP, 1), front[LOWER_LIP, 1] + 0.9))
    smiling = changed(smiling, lambda front: front.__setitem__((LIPS_INNER, 0), 1.4 * front[LIPS_INNER, 0]))
    grin = replace(STILL, expression=STILL.expression.copy(), gape=0.25)
    grin.expression[LIPS_INNER[[0, 10]], 0] = -0.8, 0.8
    agape = replace(STILL, gape=0.5)
    for portrait, least, most in ((closed, 0.08, 0.3), (parted, 0.06, 0.3), (smiling, -0.1, 0.04)):
        before = gape(front_of(portrait))
        assert least < gape(front_of(Sitter(portrait).moved(grin))) - before < most
        assert gape(front_of(Sitter(portrait).moved(agape))) - before > 0.2


def test_a_mouth_goes_aside_less_in_a_portrait_that_looks_aside():
    aside = replace(STILL, expression=STILL.expression.copy())
    aside.expression[LIPS, 0] = 1.0
    straight, askew = (
        front_of(Sitter(somebody(turned)).moved(aside))[LIPS, 0].mean() - front_of(somebody(turned))[LIPS, 0].mean()
        for turned in ((0, 0, 0), (-37, 0, 0))
    )
    assert straight > 0.6
    assert 0 < askew < 0.5 * straight


@pytest.mark.parametrize("yaw", [-60, -35, 0, 35])
def test_heads_turn_within_limits_and_never_back(yaw):
    """The further the performer turns, the further the portrait does, but not beyond what a picture can show."""
    sitter = Sitter(somebody((yaw, 0, 0)))
    seen = []
    for turn in range(-90, 91, 15):
        points = sitter.moved(replace(STILL, turn=np.array([turn, 0, 0], np.float32)))
        seen.append(angles(pose_of(points).rotation)[0] - yaw)
    assert (np.diff(seen) > -0.01).all()
    room = np.clip(FAR[0] - yaw, LEAST, ROOM[0]), np.clip(FAR[0] + yaw, LEAST, ROOM[0])
    assert -room[1] - 0.1 <= seen[0] < 0 < seen[-1] <= room[0] + 0.1


def test_absolute_turns_the_head_to_where_the_performer_looks():
    sitter = Sitter(somebody((-20, 0, 0)))
    motion = replace(STILL, looks=np.array([0, 0, 0], np.float32), gape=gape(somebody()))
    relative, absolute = (
        angles(pose_of(sitter.moved(motion, Manner(absolute=way))).rotation)[0] for way in (False, True)
    )
    assert relative == pytest.approx(-20, abs=0.1)
    assert -20 < absolute < 0
    assert absolute > -8


def test_regions_move_only_what_they_name():
    driver, portrait = somebody(), somebody((5, 0, 0))
    points = changed(changed(driver, agape), shut) + np.array([40, 0, 0], np.float32)
    motion = Rest.of(driver).motion(points)
    sitter = Sitter(portrait)
    moved = {
        region: np.linalg.norm(sitter.moved(motion, Manner(region)) - portrait, axis=1)
        for region in ("all", "lips", "eyes", "expression", "pose")
    }
    lip, lid, ear = LOWER_LIP[4], LIDS[0][0][3], 234
    assert {region for region, far in moved.items() if far[lip] > 5} == {"all", "lips", "expression", "pose"}
    assert {region for region, far in moved.items() if far[ear] > 5} == {"all", "pose"}
    assert moved["eyes"][lid] > 2 > moved["lips"][lid]


def test_strength_grows_with_the_gain():
    driver = somebody()
    motion = Rest.of(driver).motion(changed(driver, agape))
    sitter = Sitter(driver)
    far = [np.abs(sitter.moved(motion, Manner(gain=gain)) - driver).max() for gain in (0, 0.5, 1, 2)]
    assert far[0] == 0
    assert all(np.diff(far) > 0)


def test_motions_mix():
    moved = replace(STILL, turn=np.array([10, 0, 0], np.float32), gape=0.4)
    half = STILL.mixed(moved, 0.5)
    assert half.turn[0] == 5
    assert half.gape == pytest.approx(0.2)


def nodding(count=6):
    return [(k / 10, Cue(replace(STILL, turn=np.array([0, k, 0], np.float32)), 1.0)) for k in range(count)]


def test_a_template_plays_what_was_written(tmp_path):
    path = tmp_path / "nod.npz"
    assert template.write(path, nodding()) == 6
    played = template.Template.read(path)
    assert played.at(-0.1) is None
    for time in (0.0, 0.1, 0.25):
        cue = played.at(time)
        assert cue.motion.turn[1] == pytest.approx(10 * time, abs=1e-4)
        assert cue.presence == 1
        assert cue.sight is None
    assert played.at(0.5 + EASE / 2).presence == pytest.approx(0.5)
    assert played.at(9).presence == 0


def test_a_template_holds_no_pixels_and_no_face(tmp_path):
    """Not even the performer's own proportions: at rest all numbers are those of the mean face at rest."""
    points = somebody(stretch=(0.8, 1.2, 1.1))
    motion = Rest.of(points).motion(points)
    path = tmp_path / "rest.npz"
    template.write(path, [(0.0, Cue(motion, 1.0))])
    with np.load(path, allow_pickle=False) as arrays:
        assert set(arrays) == {"version", "time", "presence", *(field.name for field in fields(Motion))}
        assert np.abs(arrays["expression"]).max() < 1e-3


def test_nobody_to_write_down_is_said(tmp_path):
    with pytest.raises(MediaError, match="Nobody is seen"):
        template.write(tmp_path / "none.npz", [])
    assert not list(tmp_path.iterdir())


def spoiled(tmp_path, **columns):
    path = tmp_path / "spoiled.npz"
    template.write(path, nodding())
    with np.load(path) as arrays:
        kept = {**arrays, **columns}
    np.savez_compressed(path, **{name: values for name, values in kept.items() if values is not None})
    return path


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"version": np.array(99)}, "version 99"),
        ({"turn": None}, "not a motion"),
        ({"more": np.zeros(3)}, "not a motion"),
        ({"turn": np.array([{"a": 1}] * 6)}, "cannot be a motion|not a motion"),
        ({"turn": np.zeros((6, 4), np.float32)}, "cannot be"),
        ({"turn": np.full((6, 3), np.nan, np.float32)}, "cannot be"),
        ({"shift": np.full((6, 2), 1e9, np.float32)}, "cannot be"),
        ({"presence": np.full(6, 2, np.float32)}, "cannot be"),
        ({"time": np.zeros(6)}, "cannot be"),
        ({"time": np.zeros((0,))}, "cannot be"),
    ],
)
def test_hostile_templates_are_refused(tmp_path, columns, complaint):
    with pytest.raises(UseError, match=complaint):
        template.Template.read(spoiled(tmp_path, **columns))


def test_an_array_that_claims_to_be_huge_gets_no_memory(tmp_path):
    path = tmp_path / "bomb.npz"
    template.write(path, nodding())
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    content["expression.npy"] = content["expression.npy"].replace(b"(6, 468, 3)", b"(9999999999, 468, 3)")
    with zipfile.ZipFile(path, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)
    with pytest.raises(UseError, match=r"cannot be a motion|not a motion"):
        template.Template.read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no more", b"\x93NUMPY"])
def test_what_is_no_template_is_refused(tmp_path, content):
    path = tmp_path / "no.npz"
    path.write_bytes(content)
    with pytest.raises(UseError, match="not a motion"):
        template.Template.read(path)
    with pytest.raises(UseError, match="does not exist"):
        template.Template.read(tmp_path / "missing.npz")


def test_the_skin_is_what_a_motion_speaks_of():
    assert STILL.expression.shape == (SKIN, 3)
