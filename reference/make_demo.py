"""The demo clip: one theme of our own, played by a swing trio and then by strings.

    apt-get install fluidsynth fluid-soundfont-gm sox vorbis-tools
    python3 reference/make_demo.py            # writes demo/demo.ogg (and demo/demo.mid beside it)

Score, MIDI writer and performance (swing, accents, small errors of timing, seeded) are here; fluidsynth plays it
with Fluid (R3) GM, released by its author under the MIT licence; oggenc encodes. Licence: demo/README.md.
"""

import argparse
import pathlib
import random
import struct
import subprocess
import tempfile

DEMO = pathlib.Path(__file__).parent.parent / "demo"
SOUNDFONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
TICKS_A_SECOND = 960  # division 480 at 120 quarter notes a minute: times are computed in seconds
PITCH = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
PIANO, BASS, DRUMS, VIOLINS, SECOND, VIOLAS, CELLOS, DOUBLE_BASSES = 0, 1, 9, 2, 3, 4, 5, 6
RIDE, RIDE_BELL, PEDAL_HAT, SNARE, STICK, KICK, CRASH = 51, 53, 44, 38, 37, 36, 49


def pitch(name):
    """`Bb4` → 70; C4 is 60."""
    shift = name.count("#") - name[1:].count("b")
    return 12 * (int(name[-1]) + 1) + PITCH[name[0]] + shift


class Performance:
    """Notes and controllers in seconds, with the small errors of people."""

    def __init__(self, seed):
        self.events, self.chance = [], random.Random(seed)

    def note(self, channel, start_s, length_s, key, velocity, looseness_s=0.006):
        start_s = max(0.0, start_s + self.chance.gauss(0.0, looseness_s))
        velocity = min(127, max(1, round(velocity + self.chance.gauss(0.0, 4.0))))
        self.events.append((start_s, 1, bytes([0x90 | channel, key, velocity])))
        self.events.append((start_s + length_s, 0, bytes([0x80 | channel, key, 0])))

    def control(self, channel, start_s, number, value):
        self.events.append((max(0.0, start_s), 0, bytes([0xB0 | channel, number, round(min(127, max(0, value)))])))

    def instrument(self, channel, program, volume, pan, reverb):
        self.events.append((0.0, -1, bytes([0xC0 | channel, program])))
        for number, value in ((7, volume), (10, pan), (91, reverb)):
            self.control(channel, 0.0, number, value)

    def midi_file(self):
        track, now = bytearray(), 0
        for start_s, _, message in sorted(self.events):
            tick = round(start_s * TICKS_A_SECOND)
            track += variable_length(tick - now) + message
            now = tick
        track += b"\x00\xff\x2f\x00"
        return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def variable_length(value):
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.insert(0, value & 0x7F | 0x80)
    return bytes(groups)


# ---------------------------------------------------------------- first half: swing trio, eight bars

BEAT_S = 60.0 / 164.0
SWING = 0.65  # where the second eighth note of a beat falls

# A bar each: (beat, length in beats, note). The theme: A C D C, and what a pianist makes of it.
TUNE = [
    [(0, .5, "A4"), (.5, .5, "C5"), (1, .5, "D5"), (1.5, 1.3, "C5"), (3, .5, "A4"), (3.5, .5, "F#4")],
    [(0, .5, "G4"), (.5, .5, "Bb4"), (1, .5, "D5"), (1.5, .9, "F5"), (2.5, .5, "E5"), (3, .5, "Bb4"), (3.5, .4, "G4")],
    [(0, 1.2, "C5"), (1.5, .5, "A4"), (2, .5, "Eb5"), (2.5, .5, "C5"), (3, .5, "A4"), (3.5, .5, "F#4")],
    [(0, .5, "Bb4"), (.5, .5, "A4"), (1, .5, "G4"), (1.5, 1.2, "D5"), (3, .5, "E4"), (3.5, .5, "G4")],
    [(0, .5, "A4"), (.5, .5, "C5"), (1, .5, "Eb5"), (1.5, .9, "G5"), (2.5, .5, "F5"), (3, .5, "Eb5"), (3.5, .4, "C5")],
    [(0, .8, "D5"), (1, .5, "F5"), (1.5, .9, "Bb5"), (2.5, .5, "Ab5"), (3, .5, "F5"), (3.5, .5, "D5")],
    [(0, .5, "C5"), (.5, .5, "A4"), (1, .5, "F5"), (1.5, .5, "C5"), (2, .5, "Eb5"), (2.5, .5, "D5"), (3, .5, "C5"),
     (3.5, .5, "A4")],
    [(0, .5, "Bb4"), (.5, .5, "D5"), (1, .5, "F5"), (1.5, 1.1, "E5"), (3, .3, "G4"), (3.5, .4, "E4")],
]
# Two chords a bar: rootless voicings of the left hand.
VOICINGS = [
    ("E3 G3 A3 C4", "F#3 A3 C4 Eb4"), ("F3 A3 Bb3 D4", "E3 G3 Bb3 D4"), ("G3 B3 C4 E4", "F#3 A3 C4 Eb4"),
    ("F3 A3 Bb3 D4", "E3 A3 Bb3 D4"), ("Eb3 G3 A3 C4", "Eb3 G3 A3 D4"), ("D3 F3 G3 C4", "D3 F3 Ab3 B3"),
    ("E3 G3 A3 C4", "F#3 A3 C4 Eb4"), ("F3 A3 Bb3 D4", "E3 G3 Bb3 Db4"),
]
# Where the left hand plays: (beat, length in beats, which of the two chords); an anticipation sounds the next one.
COMPING = [
    [(0, .9, 0), (1.5, .4, 0), (2.5, .8, 1)], [(1, .4, 0), (2.5, .4, 1), (3.5, .4, 1)],
    [(0, 1.2, 0), (1.5, .4, 0), (3, .4, 1)], [(.5, .4, 0), (2, .9, 1), (3.5, .4, 1)],
]
WALK = ["F2 A2 D2 F#2", "G2 Bb2 C3 E2", "A2 C3 D3 C3", "Bb2 G2 C2 E2", "F2 A2 C3 Eb3", "Bb2 D3 B2 D3", "C3 A2 D2 A2",
        "G2 Bb2 C3 C2"]


def swung(bar, beat):
    whole, part = divmod(beat, 1)
    return (4 * bar + whole + (SWING if part == .5 else part)) * BEAT_S


def swing_trio(play):
    for bar, notes in enumerate(TUNE):
        for beat, length, name in notes:
            accent = 12 if beat % 1 == .5 else 0
            play.note(PIANO, swung(bar, beat) + .008, length * BEAT_S * .92, pitch(name), 82 + accent)
        for beat, length, half in COMPING[bar % len(COMPING)]:
            for name in VOICINGS[bar][half].split():
                play.note(PIANO, swung(bar, beat), length * BEAT_S, pitch(name), 58, looseness_s=.003)
        for beat, name in enumerate(WALK[bar].split()):
            play.note(BASS, swung(bar, beat), .92 * BEAT_S, pitch(name), 100 if beat % 2 else 92, looseness_s=.004)
        swing_drums(play, bar)
    final_chord(play)


def swing_drums(play, bar):
    for beat, velocity in ((0, 74), (1, 88), (1.5, 60), (2, 74), (3, 90), (3.5, 62)):
        play.note(DRUMS, swung(bar, beat), .3, RIDE, velocity, looseness_s=.004)
    for beat in (1, 3):
        play.note(DRUMS, swung(bar, beat), .1, PEDAL_HAT, 72)
    for beat in range(4):
        play.note(DRUMS, swung(bar, beat), .1, KICK, 34)
    comments = {1: [(2.5, STICK, 50)], 3: [(1.5, SNARE, 46), (3.5, SNARE, 58)], 4: [(3.5, SNARE, 40)],
                5: [(.5, SNARE, 44), (2.5, KICK, 70)], 7: [(2, SNARE, 46), (2.5, SNARE, 58), (3, SNARE, 66), (3.5, KICK, 84)]}
    for beat, drum, velocity in comments.get(bar, []):
        play.note(DRUMS, swung(bar, beat), .1, drum, velocity)


def final_chord(play):
    end = swung(8, 0)
    for name in "A3 D4 G4 C5 F5".split():
        play.note(PIANO, end, 1.3, pitch(name), 84, looseness_s=.004)
    play.note(BASS, end, 1.3, pitch("F2"), 98)
    play.note(DRUMS, end, 1.5, RIDE_BELL, 64)
    play.note(DRUMS, end, .2, KICK, 72)


# ---------------------------------------------------------------- second half: strings, six bars of three

STRINGS_START_S = 32 * BEAT_S + 0.75
STRING_BEAT_S = 60.0 / 92.0
FIRST = "A4:1 C5:.5 D5:.5 C5:1 | F5:1.5 E5:.5 D5:1 | D5:1 Bb4:.5 C5:.5 D5:1 | E5:.5 F5:.5 G5:1 F5:.5 E5:.5 | F5:1 C5:.5 D5:.25 C5:.25 Bb4:.5 G4:.5 | A4:1 F4:3"
INNER = "F4:1 A4:1 G4:1 | A4:1.5 C5:.5 A4:1 | Bb4:1 G4:1 Bb4:1 | G4:1 C5:1 Bb4:1 | A4:1 F4:1 E4:1 | F4:1 C4:3"
QUAVERS = "C4 F4 C4 A3 C4 F4 | D4 F4 D4 A3 D4 F4 | D4 F4 D4 Bb3 D4 G4 | C4 E4 C4 Bb3 C4 E4 | C4 F4 C4 D4 C4 Bb3 | A3 C4 A3:3"
LOW = "F3:2 E3:1 | D3:2 C3:1 | Bb2:2 G2:1 | C3:2 C3:1 | A2:1 Bb2:1 C3:1 | F2:4"
SWELL = [88, 108, 100, 127, 112, 84]  # expression at the start of each bar


def part(text, usual):
    """`A4:1.5` is a note of 1.5 beats, `A4` one of the usual length."""
    for word in text.replace("|", " ").split():
        name, _, length = word.partition(":")
        yield pitch(name), float(length or usual)


def strings(play):
    parts = [(VIOLINS, FIRST, 1, 110, 0), (SECOND, INNER, 1, 84, 0), (VIOLAS, QUAVERS, .5, 80, 0),
             (CELLOS, LOW, 1, 100, 0), (DOUBLE_BASSES, LOW, 1, 76, -12)]
    for channel, text, usual, velocity, octave in parts:
        beat = 0.0
        for key, length in part(text, usual):
            start_s, length_s = string_time(beat), string_time(beat + length) - string_time(beat)
            play.note(channel, start_s, length_s * 1.04, key + octave, velocity, looseness_s=.012)
            beat += length
        for step in range(0, 18 * 4):
            play.control(channel, string_time(step / 4), 11, swell(step / 4))


def string_time(beat):
    """The last two bars broaden."""
    late = max(0.0, beat - 13.0)
    return STRINGS_START_S + (beat + .03 * late * late) * STRING_BEAT_S


LENGTH_S = string_time(18.0) + 1.5  # the echo of the room


def swell(beat):
    bar, within = divmod(beat / 3, 1)
    here, there = SWELL[int(bar)], SWELL[min(int(bar) + 1, len(SWELL) - 1)]
    return here + (there - here) * within


def score(seed):
    play = Performance(seed)
    for channel, program, volume, pan, reverb in (
            (PIANO, 0, 106, 56, 38), (BASS, 32, 97, 64, 20), (DRUMS, 32, 88, 72, 34), (VIOLINS, 48, 127, 40, 82),
            (SECOND, 48, 112, 52, 82), (VIOLAS, 48, 114, 76, 82), (CELLOS, 48, 124, 88, 78), (DOUBLE_BASSES, 43, 100, 84, 70)):
        play.instrument(channel, program, volume, pan, reverb)
    swing_trio(play)
    strings(play)
    return play.midi_file()


def main():
    parser = argparse.ArgumentParser(description="render the demo clip")
    parser.add_argument("--soundfont", default=SOUNDFONT)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    midi, ogg = DEMO / "demo.mid", DEMO / "demo.ogg"
    midi.write_bytes(score(options.seed))
    with tempfile.TemporaryDirectory() as folder:
        wave = f"{folder}/demo.wav"
        room = ["synth.reverb.room-size=0.55", "synth.reverb.damp=0.3", "synth.reverb.level=0.6", "synth.chorus.active=0"]
        settings = [word for setting in room for word in ("-o", setting)]
        subprocess.run(["fluidsynth", "-ni", "-q", "-g", "0.7", "-r", "44100", *settings, "-F", wave, options.soundfont,
                        str(midi)], check=True)
        shaped = f"{folder}/shaped.wav"
        subprocess.run(["sox", "-D", wave, shaped, "trim", "0", str(LENGTH_S), "fade", "h", "0", str(LENGTH_S), "1.5", "norm",
                        "-1.5"], check=True)
        subprocess.run(["oggenc", "-Q", "-q", "2", "--serial", "1", "-t", "One theme, two styles", "-o", str(ogg), shaped],
                       check=True)


if __name__ == "__main__":
    main()
