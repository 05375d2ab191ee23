"""What a transaction's account adds to the metrics."""

from schemas.events.operations import Count, StageCounted
from streams.engine.metrics import Metrics


def test_refusals_and_duplicates_are_counted_by_stage_topic_and_reason() -> None:
    counts = [
        ("bookings", "BookingChanged", "accepted", 9),
        ("bookings", "BookingChanged", "duplicate", 2),
        ("bookings", "BookingChanged", "dead:event_id_conflict", 1),
        ("bookings", "", "dead:event_id_conflict", 3),
        ("clicks", "ClickRecorded", "drop:stale", 5),
    ]
    made = [Count.build(topic=topic, type=type_, outcome=outcome, count=n) for topic, type_, outcome, n in counts]
    metrics = Metrics()
    for _ in range(2):
        metrics.counted(StageCounted.build(stage="resolve", at=0, positions=[], counts=made))
    shown = [line for line in metrics.text().decode().splitlines() if 'stage="resolve"' in line and "_total" in line]
    assert shown == [
        'fineacers_dead_letters_total{reason="event_id_conflict",stage="resolve",topic="bookings"} 8.0',
        'fineacers_duplicates_total{stage="resolve",topic="bookings"} 4.0',
    ]
