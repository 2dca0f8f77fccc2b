using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Text.Chat;
using Lorikeet.Tracking;
using Lorikeet.Training;
using Lorikeet.Training.Objectives;
using Lorikeet.Training.Optim;

namespace Lorikeet.Cli.Demo;

/// <summary>The recipe of the demo's base model: full training from random weights on synthetic pictures. Run by <c>demo --make-base</c>.</summary>
internal sealed class BaseModelRecipe(ComputeSession session, IRunListener listener)
{
    private const int BatchSize = 48;
    private const double PeakRate = 2e-3;

    /// <summary>Trains and writes the model. Sizes, tokenizer and settings are those of the base model that the program brings along.</summary>
    /// <param name="directory">Where to.</param>
    /// <param name="steps">Optimizer steps.</param>
    /// <param name="seed">Of weights and pictures.</param>
    /// <param name="stop">Asks for an early end.</param>
    public void Make(string directory, int steps, ulong seed, CancellationToken stop)
    {
        using LoadedModel loaded = ModelCatalog.Initialize(ModelDirectory.Open(DemoRun.BaseModel), session.Parameters, 0.04f, Rng.Key(seed, 1));
        Trainable trainable = Trainable.Of(loaded.Model, session.Parameters, _ => true);
        using var optimizer = new AdamW(session.Parameters, trainable.Tensors, new AdamWOptions { WeightDecay = 0.02, Beta2 = 0.98 });
        var trainer = new Trainer(new TrainerSetup
        {
            Model = loaded.Model,
            Trainable = trainable,
            Objective = new Sft(),
            Optimizer = optimizer,
            Data = new Pictures(loaded.Processor, seed),
            LearningRate = step => PeakRate * Math.Min(1, (step + 1) / 100.0) * 0.5 * (1 + Math.Cos(Math.PI * step / steps)),
            Parameters = session.Parameters,
            Listener = listener,
            Options = new TrainerOptions { TotalSteps = steps, StepsPerEpoch = steps, Compute = session.Compute },
        });
        trainer.Run(stop, CancellationToken.None);
        ModelWriter.Write(directory, loaded, SafeDType.BF16);
    }

    private sealed class Pictures(Processor processor, ulong seed) : ITrainingData
    {
        private Task<TrainingStep>? _next;

        public TrainingStep Next(int step, CancellationToken cancellation)
        {
            TrainingStep now = _next?.GetAwaiter().GetResult() ?? Make(step);
            _next = Task.Run(() => Make(step + 1), cancellation);
            return now;
        }

        private TrainingStep Make(int step)
        {
            var samples = new EncodedSample[BatchSize];
            for (int i = 0; i < BatchSize; i++)
            {
                ulong key = Rng.Key(seed, (ulong)step, (ulong)i, 7);
                var dice = new Dice(Rng.Key(key, 2));
                ShapePicture? picture = dice.Below(8) == 0 ? null : ShapePictures.Draw(key);
                samples[i] = processor.Encode(Ask(picture, picture is null ? BaseTasks.Repeat(dice) : BaseTasks.About(picture, dice)), new EncodeOptions());
            }

            return new TrainingStep([processor.Collate(samples)], BatchSize, []);
        }

        private static Conversation Ask(ShapePicture? picture, Question question)
        {
            ContentPart[] user = picture is null ? [new TextPart(question.Text)] : [new ImagePart(), new TextPart(question.Text)];
            return new Conversation(
                [new ChatMessage("user", user), new ChatMessage("assistant", [new TextPart(question.Answer)])],
                picture is null ? [] : [picture.Picture]);
        }
    }
}
